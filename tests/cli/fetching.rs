//! Public sets: where they come from, and what is said of it.

use super::{DEAD_MIRROR, Place, assert_holds};

#[test]
fn of_a_folder_that_the_environment_names_nothing_is_fetched() {
    let place = Place { environment: vec![("MNIST_DIR", "data".to_owned())], ..Place::new() };
    let said = place.ok(&format!("data fetch mnist --mirror {DEAD_MIRROR}"));
    assert_holds(&said.stdout, "60 images to train and 30 to test, from data (the folder that MNIST_DIR names)");
    assert_holds(&said.stdout, "nothing was downloaded or kept");
    let said = place.ok("--device cpu --iterations 1 --no-save");
    assert_holds(&said.stderr, "data: mnist of data (MNIST_DIR), 60 images");
}

#[test]
fn a_folder_that_the_environment_names_wrongly_is_told_with_its_variable() {
    let place = Place { environment: vec![("MNIST_DIR", "nowhere".to_owned())], ..Place::new() };
    for line in ["data fetch", "--device cpu --no-save"] {
        let told = place.fails(1, line);
        assert_holds(&told, "MNIST_DIR: nowhere: cannot be opened as a folder");
    }
}
