//! `twolayer devices`, and the choice of `--device`.

use std::fs;

use serde_json::{Value, json};

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

/// What naga makes of a kernel's text: its workgroup's size, and its bindings' names.
fn parsed(text: &str) -> (u32, Vec<String>) {
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|error| panic!("{}", error.emit_to_string(text)));
    let flags = naga::valid::ValidationFlags::all();
    naga::valid::Validator::new(flags, naga::valid::Capabilities::empty()).validate(&module).unwrap();
    assert_eq!(module.overrides.len(), 0, "{text}");
    let bound = module.global_variables.iter().filter_map(|(_, variable)| Some((variable.binding?.binding, variable)));
    let mut bound: Vec<_> = bound.map(|(number, variable)| (number, variable.name.clone().unwrap())).collect();
    bound.sort();
    (module.entry_points[0].workgroup_size[0], bound.into_iter().map(|(_, name)| name).collect())
}

/// The kernels of a step, and of what use, by class.
fn listed<'a>(list: &'a Value, class: &str, usage: &str) -> Vec<&'a Value> {
    let gpus = list["gpus"].as_array().unwrap();
    let gpu = gpus.iter().find(|gpu| gpu["class"] == class).unwrap();
    gpu["kernels"].as_array().unwrap().iter().filter(|kernel| kernel["use"] == usage).collect()
}

#[test]
fn kernels_are_written_without_a_gpu() {
    let place = Place::without_gpu();
    let said = place.ok("devices --kernels new/kernels --hidden 512");
    assert_holds(&said.stdout, "784-512-10, batches of 100");
    let folder = place.path("new/kernels");
    let list: Value = serde_json::from_slice(&fs::read(folder.join("kernels.json")).unwrap()).unwrap();
    let names =
        |class, usage| listed(&list, class, usage).iter().map(|k| k["name"].as_str().unwrap()).collect::<Vec<_>>();
    let step = ["hidden", "hidden_sum", "output", "output_gradient", "hidden_gradient", "mean_loss"];
    assert_eq!(names("discrete", "training"), step);
    assert_eq!(names("software", "training"), ["hidden", "output", "output_gradient", "hidden_gradient", "mean_loss"]);
    assert_eq!(names("integrated", "evaluation"), ["hidden", "output", "confusion"]);
    assert_eq!(names("intel", "prediction"), ["hidden", "output"]);
    assert!(names("intel", "numerical").contains(&"hidden_difference"));
    // Two rows of blocks of 64 x 64, and 784 pixels in seven parts; of 64 x 32, and in eight.
    assert_eq!(listed(&list, "software", "training")[0]["workgroups"], json!([8, 2, 1]));
    assert_eq!(listed(&list, "discrete", "training")[0]["workgroups"], json!([8, 2, 7]));
    assert_eq!(listed(&list, "intel", "training")[0]["workgroups"], json!([16, 2, 7]));
    place.ok("devices --kernels narrow --hidden 50");
    let narrow: Value = serde_json::from_slice(&fs::read(place.path("narrow/kernels.json")).unwrap()).unwrap();
    let runs = |usage| {
        let kernels = listed(&narrow, "software", usage).into_iter();
        kernels
            .map(|kernel| (kernel["name"].as_str().unwrap(), kernel["dispatches"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    // W1 in three windows.
    let pass = [("nonzero", 1), ("hidden", 3), ("output", 1)];
    let gradients = [("output_gradient", 1), ("hidden_gradient", 1)];
    assert_eq!(runs("training"), [&pass[..], &gradients, &[("mean_loss", 1)]].concat());
    assert_eq!(runs("evaluation"), [&pass[..], &[("confusion", 1)]].concat());
    assert_eq!(runs("prediction"), pass);
    let mut files = 0;
    for kernel in list["gpus"].as_array().unwrap().iter().flat_map(|gpu| gpu["kernels"].as_array().unwrap()) {
        let text = fs::read_to_string(folder.join(kernel["file"].as_str().unwrap())).unwrap();
        let (lanes, bindings) = parsed(&text);
        assert!(lanes >= 8);
        let given: Vec<_> =
            kernel["bindings"].as_array().unwrap().iter().map(|binding| binding["name"].clone()).collect();
        assert_eq!(given, bindings);
        files += 1;
    }
    assert!(files > 40);
    assert_holds(&place.fails(1, "devices --kernels new/kernels"), "give a new one");
    place.fails(2, "devices --hidden 512");
}

#[test]
fn a_plan_in_a_file_chooses_the_kernels() {
    let place = Place::new();
    let blocked = r#"{"kernels": "blocked", "columns": 32, "workgroups": 64}"#;
    let plan = format!(r#"{{"narrow_up_to_hidden": 64, "narrow": {blocked}, "wide": {{"kernels": "fused"}}}}"#);
    fs::write(place.path("plan.json"), &plan).unwrap();
    for device in place.devices() {
        let index = &device["index"];
        let line = format!("--device {index} --data data --batch-size 10 --iterations 3 --plan plan.json");
        let said = place.ok(&format!("{line} --no-save --json"));
        let run: Value = serde_json::from_str(&said.stdout).unwrap();
        if device["kind"] == "cpu" {
            assert_holds(&said.stderr, "--plan is for GPUs, and this is none");
            continue;
        }
        assert_eq!(run["kernels"]["family"], "blocked");
        assert_eq!(run["kernels"]["plan"], "blocked, 64 x 32, at least 64 workgroups");
        let run = place.json(&format!("{line} --hidden 100 --no-save"));
        assert_eq!(run["kernels"]["family"], "fused");
        let verbose = place.ok(&format!("devices --device {index} --verbose --plan plan.json")).stdout;
        assert_holds(&verbose, "blocked, 64 x 32, at least 64 workgroups up to 64 hidden units");

        // A run goes on by other kernels with a note.
        place.ok(&format!("{line} --out run{index}"));
        let resumed = place.ok(&format!("--resume run{index} --iterations 5"));
        assert_holds(&resumed.stderr, "by other kernels");
        assert!(!place.ok(&format!("--resume run{index} --iterations 7")).stderr.contains("other kernels"));
        // That of another GPU is none for this one.
        fs::write(place.path("other.json"), plan.replacen('{', r#"{"gpu": "Another (vulkan)", "#, 1)).unwrap();
        let error = place.fails(1, &format!("--device {index} --data data --plan other.json"));
        assert_holds(&error, "is the plan of Another (vulkan)");
        place.fails(1, &format!("gradcheck --device {index} --plan other.json"));
    }
    let error = place.fails(1, "--device cpu --data data --plan missing.json");
    assert_holds(&error, "missing.json: cannot be read");
    assert_holds(&place.fails(1, "bench --device cpu --plan data"), "--save-plan FILE` writes one");
    fs::write(place.path("wrong.json"), plan.replace("32", "33")).unwrap();
    assert_holds(&place.fails(1, "devices --kernels out --plan wrong.json"), "33 columns; give 64 or 32");
    assert_holds(&place.fails(2, "devices --device cpu --tune --save-plan new.json"), "choose one by --device");
    let list = place.json("devices --kernels out --plan plan.json --hidden 20");
    assert_eq!(list["gpus"][0]["plan"], "blocked, 64 x 32, at least 64 workgroups");
    let text = fs::read_to_string(place.path("out/plan/training/hidden.wgsl")).unwrap();
    assert_holds(&text, "const HALVES: u32 = 1;");
}
