//! `twolayer gradcheck`: its table, its JSON and its plot.

use std::fs;

use serde_json::Value;

use crate::place::*;

const CHECK: &str = "gradcheck --data data --batch-size 10 --hidden 4 --iterations 300 --samples 5";

#[test]
fn every_device_is_compared_at_both_points() {
    let place = Place::new();
    let found = place.json(CHECK);
    assert_eq!(found["passed"], true);
    let points = found["points"].as_array().unwrap();
    let names: Vec<&Value> = points.iter().map(|point| &point["name"]).collect();
    assert_eq!(names, ["initial weights, seed 0", "after 300 iterations, seed 0"]);
    assert!(float(&points[1]["loss"]) < float(&points[0]["loss"]), "it has learned");
    let devices = place.devices();
    for point in points {
        let rows = point["rows"].as_array().unwrap();
        let of_reference = rows.iter().filter(|row| row["device"].is_null()).count();
        assert_eq!((of_reference, rows.len()), (3, 3 + 7 * devices.len()));
        for device in &devices {
            let rows = || rows.iter().filter(|row| row["device"]["backend"] == device["backend"]);
            let judged: Vec<_> = rows().filter(|row| row["passed"] == true).collect();
            let by: Vec<_> = judged.iter().map(|row| (&row["gradient"], &row["step_size"])).collect();
            assert_eq!(by, [(&"backprop".into(), &Value::Null), (&"numerical".into(), &1e-4.into())]);
            assert_eq!(judged.iter().map(|row| float(&row["tolerance"])).collect::<Vec<_>>(), [1e-5, 5e-6]);
            let worst = |row: &Value| {
                let tensors = row["tensors"].as_array().unwrap();
                assert_eq!(
                    tensors.iter().map(|tensor| tensor["worst"].as_array().unwrap().len()).collect::<Vec<_>>(),
                    [2, 1, 2, 1]
                );
                tensors.iter().map(|tensor| float(&tensor["norm"])).fold(0.0, f64::max)
            };
            // The difference of two f32 losses has almost no correct digits.
            let naive = rows().find(|row| row["gradient"] == "naive" && row["step_size"] == 1e-4).unwrap();
            assert!(worst(naive) > 100.0 * worst(judged[1]), "{naive}");
        }
    }
}

#[test]
fn prints_a_table() {
    let place = Place::without_gpu();
    let said = place.ok(&format!("{CHECK} --step-size 1e-4 --step-size 0.5 --seed 3"));
    for part in
        ["initial weights, seed 3", "after 300 iterations, seed 3", "f64 reference", "0 CPU", "5e-1", "5e-6  ok"]
    {
        assert_holds(&said.stdout, part);
    }
    assert_holds(&said.stderr, "no GPU adapter found");
}

#[test]
fn a_saved_network_is_checked() {
    let place = Place::new();
    place.train("--iterations 20 --out run");
    for activation in ["relu", "tanh"] {
        place.train(&format!("--iterations 20 --activation {activation} --out {activation}"));
    }
    for model in ["run", "run/model.safetensors"] {
        let found = place.json(&format!("gradcheck {model} --device cpu --data data"));
        assert_eq!(found["points"].as_array().unwrap().len(), 1);
        assert_eq!(found["points"][0]["name"], model);
    }
    for activation in ["relu", "tanh"] {
        let said = place.ok(&format!("gradcheck {activation} --device cpu"));
        assert_holds(&said.stderr, &format!("{activation} with softmax has no numerical gradient here"));
        assert!(!said.stdout.contains("numerical  1e"), "{}", said.stdout);
        assert_holds(&said.stdout, "naive");
    }
}

#[test]
fn errors_by_step_size_are_drawn() {
    let place = Place::new();
    place.ok(&format!("{CHECK} --device cpu --plot errors.svg"));
    let svg = fs::read_to_string(place.path("errors.svg")).unwrap();
    for word in ["step size", "two losses, f64", "two losses, f32", "as a change, f32", "1e-7", "1e0"] {
        assert_holds(&svg, word);
    }
}

#[test]
fn bad_arguments_are_errors() {
    let place = Place::without_gpu();
    place.train("--iterations 0 --out run");
    for (code, flags, told) in [
        (1, "nowhere --data data", "nowhere"),
        (1, "--data nowhere", "nowhere"),
        (1, "--data nowhere --device 99", "there is no device 99"),
        (1, "--data data --plot nowhere/x.svg", "the plot cannot be written"),
        (2, "--data data --plot x.txt", "end its name in one of these"),
        (2, "run --hidden 5", "cannot be used with"),
        (2, "--relu", "unexpected argument"),
        (2, "--step-size 3", "give a number from 0.00000001 to 1"),
        (2, "--samples 0", "0 is not in 1..=10000"),
        (2, "--batch-size 8193", "8193 is not in 1..=8192"),
    ] {
        assert_holds(&place.fails(code, &format!("gradcheck {flags}")), told);
    }
}
