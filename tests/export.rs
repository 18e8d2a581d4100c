//! Exported networks compute what the reference does: ONNX in another runtime, C as compiled by the system's compiler.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ndarray::Array2;
use tempfile::TempDir;
use twolayer::data::description::{Description, Preparation};
use twolayer::export::{PixelType, output_name, write_c, write_onnx};
use twolayer::functions::argmax;
use twolayer::net::{Activation, Net, Output, Params, Shape};
use twolayer::reference::TwoLayerNet;

const IMAGES: usize = 40;
const SHAPES: [Shape; 4] = [
    Shape { input: 784, hidden: 50, classes: 10 },
    Shape { input: 37, hidden: 17, classes: 3 },
    Shape { input: 1, hidden: 1, classes: 2 },
    Shape { input: 9, hidden: 130, classes: 255 },
];

/// A network and some images.
struct Case {
    net: Net,
    params: Params,
    images: Vec<u8>,
}

impl Case {
    /// Weights with this deviation of the sums they make.
    fn new(shape: Shape, activation: Activation, output: Output, deviation: f32) -> Self {
        let net = Net { shape, activation, output };
        let mut params = Params::init(shape, 1.0, 7);
        for (weights, inputs) in [(&mut params.w1, shape.input), (&mut params.w2, shape.hidden)] {
            for weight in weights {
                *weight *= deviation / (inputs as f32).sqrt();
            }
        }
        let bias = |n: usize| n as f32 / 10.0 - 0.3;
        params.b1 = (0..shape.hidden).map(|n| bias(n % 7)).collect();
        params.b2 = (0..shape.classes).map(|n| bias(n % 5)).collect();
        // Some pixels are 0, and one image is.
        let pixel = |n: usize| ((n as u32).wrapping_mul(2_654_435_761) >> 23) as u8;
        let images = (0..IMAGES * shape.input).map(|n| if n < shape.input || n % 3 == 0 { 0 } else { pixel(n) });
        Self { net, params, images: images.collect() }
    }

    /// Every shape, activation and output.
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for shape in SHAPES {
            for activation in Activation::ALL {
                cases.extend(Output::ALL.map(|output| Self::new(shape, activation, output, 2.0)));
            }
        }
        cases
    }

    fn reference(&self) -> Array2<f64> {
        let x = self.images.iter().map(|&pixel| f64::from(pixel) / 255.0).collect();
        let x = Array2::from_shape_vec((IMAGES, self.net.shape.input), x).unwrap();
        TwoLayerNet::new(self.net, &self.params).predict(&x)
    }

    fn assert_close(&self, found: &[f32]) {
        let expected = self.reference();
        assert_eq!(found.len(), expected.len());
        let largest = expected.iter().fold(1.0, |largest: f64, value| largest.max(value.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6 * largest, "{:?}: {found} is not {expected}", self.net);
        }
    }

    fn onnx(&self, description: &Description, pixels: PixelType) -> rten::Model {
        let mut bytes = Vec::new();
        write_onnx(&mut bytes, &self.net, &self.params, description, pixels).unwrap();
        rten::Model::load(bytes).unwrap()
    }

    /// Writes net.c and a program of it.
    fn write_c(&self, folder: &Path, description: &Description, program: &str) {
        let mut file = fs::File::create(folder.join("net.c")).unwrap();
        write_c(&mut file, &self.net, &self.params, description).unwrap();
        fs::write(folder.join("main.c"), format!("#include <stdio.h>\n#include \"net.c\"\n{program}")).unwrap();
    }

    /// The classes and outputs of the C file.
    fn by_c(&self) -> (Vec<i32>, Vec<f32>) {
        let folder = TempDir::new().unwrap();
        self.write_c(folder.path(), &Description::default(), PREDICT_ALL);
        let out = run_c(folder.path(), &self.images);
        let mut words = out.chunks(4).map(|word| <[u8; 4]>::try_from(word).unwrap());
        let (mut classes, mut outputs) = (Vec::new(), Vec::new());
        while let Some(class) = words.next() {
            classes.push(i32::from_ne_bytes(class));
            outputs.extend(words.by_ref().take(self.net.shape.classes).map(f32::from_ne_bytes));
        }
        (classes, outputs)
    }
}

/// Images from stdin; classes and outputs to stdout.
const PREDICT_ALL: &str = "
int main(void)
{
    uint8_t image[PIXELS];
    float y[CLASSES];

    while (fread(image, sizeof image, 1, stdin) == 1) {
        int best = predict(image, y);

        fwrite(&best, sizeof best, 1, stdout);
        fwrite(y, sizeof y, 1, stdout);
    }
    return 0;
}
";

/// Compiles main.c without a warning, and runs it.
fn run_c(folder: &Path, input: &[u8]) -> Vec<u8> {
    let flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "main.c", "-o", "main", "-lm"];
    compile(folder, "cc", &flags);
    let mut program = Command::new(folder.join("main")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = program.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        let output = program.wait_with_output().unwrap();
        assert!(output.status.success());
        output.stdout
    })
}

fn compile(folder: &Path, compiler: &str, flags: &[&str]) {
    let output = Command::new(compiler).args(flags).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn onnx_computes_what_the_reference_does() {
    for case in Case::all() {
        let Shape { input, classes, .. } = case.net.shape;
        for pixels in PixelType::ALL {
            let model = case.onnx(&Description::default(), pixels);
            let [image, output] = ["image", output_name(case.net.output)].map(|name| model.node_id(name).unwrap());
            let shape = [IMAGES, input];
            let images = match pixels {
                PixelType::F32 => {
                    let x = case.images.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
                    rten::Value::from_shape(shape, x).unwrap()
                }
                PixelType::U8 => rten::Value::from_shape(shape, case.images.clone()).unwrap(),
            };
            let [y] = model.run_n(vec![(image, images.into())], [output], None).unwrap();
            let (shape, y) = y.into_shape_vec::<f32, 2>().unwrap();
            assert_eq!(shape, [IMAGES, classes]);
            case.assert_close(&y);
        }
    }
}

#[test]
fn onnx_has_the_names_of_classes() {
    let case = Case::new(SHAPES[1], Activation::Relu, Output::Softmax, 1.0);
    let preparation = Preparation { rows: 1, cols: 37, inverted: true, max: None, paper: None };
    let names = ["a", "\"é\"", ""].map(str::to_owned).into();
    let description = Description { names: Some(names), preparation: Some(preparation) };
    let mut bytes = Vec::new();
    write_onnx(&mut bytes, &case.net, &case.params, &description, PixelType::F32).unwrap();
    for text in ["classes", r#"["a","\"é\"",""]"#, "preparation", r#""inverted":true"#, "activation", "relu"] {
        assert!(bytes.windows(text.len()).any(|part| part == text.as_bytes()), "{text}");
    }
}

#[test]
#[cfg_attr(windows, ignore = "there is no cc")]
fn c_computes_what_the_reference_does() {
    for case in Case::all() {
        let (classes, outputs) = case.by_c();
        case.assert_close(&outputs);
        let expected = case.reference();
        for (class, y) in classes.into_iter().zip(expected.rows()) {
            // Two outputs may be closer than f32 tells.
            let best = y[argmax(&y)];
            assert!(y[class as usize] > best - 1e-5, "{:?}: class {class} of {y}", case.net);
        }
    }
}

#[test]
#[cfg_attr(windows, ignore = "there is no cc")]
fn c_stays_finite_with_large_sums() {
    for activation in Activation::ALL {
        let case = Case::new(SHAPES[1], activation, Output::Softmax, 1e8);
        let (_, outputs) = case.by_c();
        for y in outputs.chunks(case.net.shape.classes) {
            assert!((y.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{activation}: {y:?}");
        }
    }
}

/// Of tiny numbers too, whose tanh is no difference of exponentials.
#[test]
#[cfg_attr(windows, ignore = "there is no cc")]
fn tanh_in_c_is_within_four_units_in_the_last_place() {
    let folder = TempDir::new().unwrap();
    let case = Case::new(SHAPES[2], Activation::Tanh, Output::Identity, 1.0);
    let program = "
int main(void)
{
    float a;

    while (fread(&a, sizeof a, 1, stdin) == 1) {
        a = activation(a);
        fwrite(&a, sizeof a, 1, stdout);
    }
    return 0;
}
";
    case.write_c(folder.path(), &Description::default(), program);
    // Every 10,007th f32 of either sign, up to the largest.
    let values: Vec<f32> =
        (0..f32::INFINITY.to_bits()).step_by(10_007).map(f32::from_bits).flat_map(|a| [a, -a]).collect();
    let input: Vec<u8> = values.iter().flat_map(|a| a.to_ne_bytes()).collect();
    let out = run_c(folder.path(), &input);
    assert_eq!(out.len(), input.len());
    let mut largest = (0.0, 0.0);
    for (a, z) in values.iter().zip(out.chunks(4)) {
        let z = f32::from_ne_bytes(z.try_into().unwrap());
        let expected = f64::from(*a).tanh();
        let unit = f64::from(f32::from_bits((expected.abs() as f32).to_bits() + 1)) - f64::from(expected.abs() as f32);
        let error = (f64::from(z) - expected).abs() / unit;
        if error > largest.0 {
            largest = (error, f64::from(*a));
        }
    }
    assert!(largest.0 < 4.0, "{largest:?}");
}

#[test]
#[cfg_attr(windows, ignore = "there is no cc")]
fn class_names_are_the_same_in_c_and_cpp() {
    let folder = TempDir::new().unwrap();
    let latin: String = ('\u{1}'..='\u{ff}').collect();
    let names = [&latin, "??/??=\"*/ \\n??'", "\u{3042}\u{1f600}1\r\n2"].map(str::to_owned);
    let description = Description { names: Some(names.to_vec()), preparation: None };
    let case = Case::new(SHAPES[1], Activation::Sigmoid, Output::Softmax, 1.0);
    let program = "
int main(void)
{
    int k;

    for (k = 0; k < CLASSES; k++) {
        fputs(class_names[k], stdout);
        fputc(0, stdout);
    }
    return 0;
}
";
    case.write_c(folder.path(), &description, program);
    let expected = names.join("\0") + "\0";
    assert_eq!(String::from_utf8(run_c(folder.path(), &[])).unwrap(), expected);
    if Command::new("c++").arg("--version").output().is_ok_and(|output| output.status.success()) {
        compile(folder.path(), "c++", &["-Wall", "-Wextra", "-Werror", "-pedantic", "-x", "c++", "-c", "net.c"]);
    }
}
