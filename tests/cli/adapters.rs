//! The environment variables that select GPUs.

use crate::place::*;

#[test]
fn without_a_display_no_library_prints_an_error() {
    let place = Place::new();
    for line in ["devices", "gradcheck --data data --batch-size 10 --iterations 0 --samples 1 --quiet"] {
        let mut command = place.command(line);
        command.env_remove("XDG_RUNTIME_DIR").env_remove("WAYLAND_DISPLAY").env_remove("DISPLAY");
        let stderr = String::from_utf8(command.output().unwrap().stderr).unwrap();
        assert!(stderr.lines().all(|said| said.starts_with("note: ")), "{line}: {stderr}");
    }
}

#[test]
fn an_unknown_backend_is_named_with_its_variable() {
    let place = Place { environment: vec![("WGPU_BACKEND", "nonsense".to_owned())], ..Place::new() };
    let expected =
        "no GPU adapter found: WGPU_BACKEND=nonsense names none of vulkan, metal, dx12 and gl; unset or correct it";
    let said = place.ok("devices");
    assert_holds(&said.stderr, expected);
    assert!(!said.stderr.contains("install"), "{}", said.stderr);
    assert_holds(&place.fails(1, "--device gpu --no-fallback --data data --no-save"), expected);
    for device in ["gpu", "auto"] {
        let said = place.ok(&format!("--device {device} --data data --iterations 1 --no-save"));
        assert_holds(&said.stderr, &format!("note: {expected}; going on with the CPU"));
    }
}

#[test]
fn a_name_that_matches_no_gpu_is_named_with_its_variable() {
    let all = Place::new().json("devices");
    let place = Place { environment: vec![("WGPU_ADAPTER_NAME", "no such card".to_owned())], ..Place::new() };
    let listed = place.json("devices");
    assert_eq!(listed["devices"].as_array().unwrap().len(), 1, "the CPU alone");
    if all["devices"].as_array().unwrap().len() == 1 {
        return;
    }
    let expected = "no GPU adapter found: WGPU_ADAPTER_NAME=no such card fits none of 1 ";
    assert_holds(&place.ok("devices").stderr, expected);
    // A driver may print lines before the command does.
    let fails = |line: &str, expected: &str| {
        let said = place.run(line);
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{line}");
        let error = said.stderr.lines().last().unwrap();
        assert!(error.starts_with("error: ") && error.contains(expected), "{line}: {error}");
    };
    for flags in ["--device gpu", "--device gpu --no-fallback"] {
        fails(&format!("{flags} --data data --no-save"), expected);
    }
    fails("bench --device gpu", expected);
    let said = place.ok("--device auto --data data --iterations 1 --no-save");
    assert_holds(&said.stderr, &format!("note: {expected}"));
    let hint = "(of GPUs, only those that WGPU_ADAPTER_NAME=no such card fits)";
    fails("--device vulkan --data data --no-save", hint);
    fails("--device 1 --data data --no-save", hint);
}

#[test]
fn an_empty_name_selects_every_gpu() {
    let place = Place { environment: vec![("WGPU_ADAPTER_NAME", String::new())], ..Place::new() };
    assert_eq!(place.json("devices"), Place::new().json("devices"));
}
