//! `twolayer devices`, and the choice of `--device`.

use serde_json::Value;

use crate::place::*;

#[test]
fn the_cpu_is_listed_first() {
    let place = Place::new();
    let devices = place.devices();
    for (index, device) in devices.iter().enumerate() {
        let of_kind: &[&str] = if index == 0 { &["cores", "instructions", "model"] } else { &["pci", "type"] };
        let mut expected = [&["backend", "driver", "index", "kind", "name", "software"], of_kind].concat();
        expected.sort_unstable();
        assert_eq!(keys(device), expected);
        assert_eq!(device["type"] == "software", device["software"] == true, "{device}");
        assert_eq!(device["index"], index);
        assert_eq!(device["kind"], if index == 0 { "cpu" } else { "gpu" });
    }
    let said = place.ok("devices");
    assert!(said.stdout.lines().all(|line| line.chars().count() <= 80), "{}", said.stdout);
    for device in &devices {
        let name = device["model"].as_str().or(device["name"].as_str()).unwrap();
        // A long name continues in the next line.
        assert_holds(&said.stdout, name.split(' ').next().unwrap());
    }
    assert_holds(&said.stdout, devices[0]["instructions"].as_str().unwrap());
}

#[test]
fn the_machine_is_named() {
    let place = Place::new();
    let list = place.json("devices --device cpu");
    let machine = &list["machine"];
    assert_eq!(machine["os"], std::env::consts::OS);
    assert_eq!((&machine["cpu"], &machine["cores"]), (&list["devices"][0]["model"], &list["devices"][0]["cores"]));
    let said = place.ok("devices --device cpu --verbose").stdout;
    for key in ["cpu", "os_version", "kernel"] {
        assert_holds(&said, machine[key].as_str().unwrap_or_default());
    }
}

#[test]
fn verbose_names_the_kernels_of_each_gpu() {
    let place = Place::new();
    let list: Value = serde_json::from_str(&place.ok("devices --verbose --tune --device cpu --json").stdout).unwrap();
    assert_eq!(list["devices"][0].get("kernels"), None);
    let list: Value = serde_json::from_str(&place.ok("devices --verbose --json").stdout).unwrap();
    for gpu in &list["devices"].as_array().unwrap()[1..] {
        assert_eq!(gpu["class"] == "software", gpu["software"] == true, "{gpu}");
        assert!(["tiled", "fused"].map(Value::from).contains(&gpu["kernels"]["narrow"]), "{gpu}");
        assert_eq!(gpu["kernels"]["wide"], "blocked", "{gpu}");
    }
}

#[test]
fn every_listed_device_trains_by_its_index() {
    let place = Place::new();
    for mut device in place.devices() {
        let index = device.as_object_mut().unwrap().remove("index").unwrap();
        let run = place.json(&format!("--device {index} --data data --iterations 3 --no-save"));
        assert_eq!(run["device"], device);
    }
}

#[test]
fn gpu_is_the_first_one_listed_and_auto_skips_software_gpus() {
    let place = Place::new();
    let devices = place.devices();
    let Some(gpu) = devices.get(1) else { return };
    let said = place.ok("--device gpu --no-fallback --data data --iterations 3 --no-save --json");
    let run: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&run["device"]["name"], &run["device"]["backend"]), (&gpu["name"], &gpu["backend"]));
    assert!(["tiled", "fused", "blocked"].map(Value::from).contains(&run["kernels"]["family"]), "{run}");
    assert!(run["kernels"]["step"].as_array().is_some_and(|step| step.len() >= 2), "{run}");
    assert_eq!(said.stderr.contains("software GPU"), gpu["software"] == true, "{}", said.stderr);
    assert_eq!(said.stderr.contains("--device cpu is faster"), gpu["software"] == true, "{}", said.stderr);

    let auto = place.json("--data data --iterations 3 --no-save");
    assert_eq!(auto["device"]["kind"], if gpu["software"] == true { "cpu" } else { "gpu" });
}

#[test]
fn without_a_gpu_the_cpu_is_used_with_a_note() {
    let mut places = vec![Place::without_gpu()];
    if cfg!(target_os = "linux") {
        let nowhere = |variable| (variable, "/nonexistent".to_owned());
        let no_drivers = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "__EGL_VENDOR_LIBRARY_FILENAMES"].map(nowhere);
        places.push(Place { environment: no_drivers.into(), ..Place::new() });
    }
    for place in places {
        let said = place.ok("--device gpu --data data --iterations 3 --no-save --json");
        let note = said.stderr.lines().find(|line| line.starts_with("note: ")).unwrap();
        assert_holds(note, "no GPU adapter found");
        assert_holds(note, "install");
        assert_holds(note, "going on with the CPU");
        assert_eq!(serde_json::from_str::<Value>(&said.stdout).unwrap()["device"]["kind"], "cpu");

        let line = place.fails(1, "--device gpu --no-fallback --data data --iterations 3");
        assert_holds(&line, "no GPU adapter found");
        assert_eq!(place.devices().len(), 1);
        assert_holds(&place.ok("devices").stderr, "no GPU adapter found");
        // --device auto prints no note on GPUs.
        assert!(!place.ok("--data data --iterations 3 --no-save").stderr.contains("GPU"));
    }
}

#[test]
fn an_unknown_device_is_an_error() {
    let place = Place::without_gpu();
    assert_holds(&place.fails(1, "--device 1 --data data"), "there is no device 1;");
    assert_holds(&place.fails(1, "--device 99999999999999999999 --data data"), "99999999999999999999");
    let line = place.fails(1, "--device abacus --data data");
    assert_holds(&line, "no device is named 'abacus'");
    assert_holds(&line, "0 CPU");
    place.train("--iterations 1 --out run");
    assert_holds(&place.fails(1, "eval run --device abacus"), "no device is named 'abacus'");
}
