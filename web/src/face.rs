//! What `page/worker.js` calls.

#![allow(missing_docs, reason = "wasm-bindgen writes items of its own without any")]

use js_sys::{Array, Float32Array, Float64Array, JsString, Object, Reflect, Uint8Array};
use twolayer::backend;
use twolayer::data::Splits;
use twolayer::devices::{Kind, Notice};
use twolayer::explain;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Error, Settings, Trainer, drawing, sets};

/// A training and a test set.
#[wasm_bindgen]
pub struct Sets(Splits);

#[wasm_bindgen]
impl Sets {
    /// Built-in digits.
    pub fn drawn() -> Result<Self, js_sys::Error> {
        sets::drawn(sets::DIGITS).map(Self).map_err(|error| thrown("data", &error))
    }

    /// The set in four files: an array of `[name, bytes]`.
    pub fn files(files: &Array) -> Result<Self, js_sys::Error> {
        let file = |file: JsValue| {
            let [name, bytes] = [0, 1].map(|place| Reflect::get_u32(&file, place).unwrap_or_default());
            (name.as_string().unwrap_or_default(), Uint8Array::new(&bytes).to_vec())
        };
        let files: Vec<_> = files.iter().map(file).collect();
        sets::from_files(&files).map(Self).map_err(|error| thrown("data", &error))
    }

    /// `{train, test, pixels, rows, cols, classes}`.
    pub fn sizes(&self) -> Object {
        let Self(Splits { train, test, classes, .. }) = self;
        object(&[
            ("train", train.len().into()),
            ("test", test.len().into()),
            ("pixels", train.pixels().into()),
            ("rows", train.rows().into()),
            ("cols", train.cols().into()),
            ("classes", (*classes).into()),
        ])
    }

    /// A test image, and what it shows.
    pub fn test_image(&self, index: usize) -> Option<Uint8Array> {
        self.0.test.image(index).map(Uint8Array::from)
    }

    /// The class of a test image.
    pub fn test_label(&self, index: usize) -> Option<u8> {
        self.0.test.labels().get(index).copied()
    }
}

/// The image that a network of so many pixels sees of a canvas, `[side, side, 4]`; none where nothing is drawn.
#[wasm_bindgen]
pub fn image(rgba: &[u8], side: usize, pixels: usize) -> Option<Vec<u8>> {
    drawing::image(rgba, side, pixels)
}

/// The book's settings: `{device, hidden, activation, learningRate, seed}`.
#[wasm_bindgen]
pub fn book() -> Object {
    let Settings { hidden, activation, learning_rate, seed, .. } = Settings::default();
    object(&[
        ("device", "auto".into()),
        ("hidden", hidden.into()),
        ("activation", activation.as_str().into()),
        // As it is written, not as the nearest f32.
        ("learningRate", learning_rate.to_string().parse::<f64>().unwrap_or_default().into()),
        ("seed", (seed as f64).into()),
    ])
}

/// A network in training. While one of its promises is pending, no other method may be called.
#[wasm_bindgen(js_name = Trainer)]
pub struct Face(Trainer);

#[wasm_bindgen(js_class = Trainer)]
impl Face {
    /// A new network; `device` is `auto`, `gpu` or `cpu`.
    pub async fn create(
        sets: &Sets,
        device: &str,
        hidden: usize,
        activation: &str,
        learning_rate: f32,
        seed: f64,
    ) -> Result<Self, js_sys::Error> {
        let settings = settings(device, hidden, activation, learning_rate, seed)?;
        Trainer::new(&sets.0, &settings).await.map(Self).map_err(failed)
    }

    /// Goes on with another trainer's network, as it was read last.
    #[allow(clippy::too_many_arguments, reason = "JavaScript's settings one by one")]
    pub async fn resumed(
        from: &Self,
        sets: &Sets,
        device: &str,
        hidden: usize,
        activation: &str,
        learning_rate: f32,
        seed: f64,
    ) -> Result<Self, js_sys::Error> {
        let settings = settings(device, hidden, activation, learning_rate, seed)?;
        let (params, steps) = from.0.params();
        Trainer::from_params(&sets.0, &settings, params.clone(), steps).await.map(Self).map_err(failed)
    }

    /// Trains so many steps; each batch's loss before its update.
    pub async fn train(&mut self, steps: usize) -> Result<Float32Array, js_sys::Error> {
        let losses = self.0.train(steps).await.map_err(failed)?;
        Ok(Float32Array::from(&losses[..]))
    }

    /// `{trainAccuracy, trainLoss, testAccuracy, testLoss}`.
    pub async fn evaluate(&mut self) -> Result<Object, js_sys::Error> {
        let [train, test] = self.0.evaluate().await.map_err(failed)?;
        Ok(object(&[
            ("trainAccuracy", train.accuracy().into()),
            ("trainLoss", train.loss.into()),
            ("testAccuracy", test.accuracy().into()),
            ("testLoss", test.loss.into()),
        ]))
    }

    /// Reads the parameters from the device, for all that is shown of them.
    pub async fn read(&mut self) -> Result<(), js_sys::Error> {
        self.0.read().await.map_err(failed)
    }

    /// W1, `[input, hidden]`.
    pub fn w1(&self) -> Float32Array {
        Float32Array::from(&self.0.params().0.w1[..])
    }

    /// Every value of the network on an image, and with a label every derivative.
    pub async fn explain(&self, pixels: &[u8], label: Option<u8>) -> Result<Object, js_sys::Error> {
        let found = self.0.explain(pixels, label).await.map_err(failed)?;
        let values = |values: &mut dyn Iterator<Item = &f64>| -> JsValue {
            Float64Array::from(&values.copied().collect::<Vec<_>>()[..]).into()
        };
        let mut fields = vec![
            ("x", values(&mut found.x.iter())),
            ("a1", values(&mut found.a1.iter())),
            ("z1", values(&mut found.z1.iter())),
            ("contributions", values(&mut found.contributions.iter())),
            ("a2", values(&mut found.a2.iter())),
            ("y", values(&mut found.y.iter())),
            ("class", found.class().into()),
            ("ranking", found.ranking().into_iter().map(JsValue::from).collect::<Array>().into()),
        ];
        if let Some(backward) = &found.backward {
            fields.extend([
                ("loss", backward.device_loss.into()),
                ("dy", values(&mut backward.dy.iter())),
                ("dz1", values(&mut backward.dz1.iter())),
                ("da1", values(&mut backward.da1.iter())),
                ("dW1", values(&mut backward.gradient.w1.iter())),
                ("dW2", values(&mut backward.gradient.w2.iter())),
            ]);
        }
        Ok(object(&fields))
    }

    /// A safetensors file.
    pub fn safetensors(&self) -> Result<Vec<u8>, js_sys::Error> {
        self.0.safetensors().map_err(failed)
    }

    /// An ONNX file.
    pub fn onnx(&self) -> Result<Vec<u8>, js_sys::Error> {
        self.0.onnx().map_err(failed)
    }

    pub fn set_learning_rate(&mut self, learning_rate: f32) -> Result<(), js_sys::Error> {
        self.0.set_learning_rate(learning_rate).map_err(failed)
    }

    /// Steps so far.
    pub fn steps(&self) -> f64 {
        self.0.steps() as f64
    }

    /// `{kind, name, instructions, family, notice}`: `kind` is `cpu` or `gpu`, `family` the folder of its kernels, `notice` says why the
    /// device is another than the one asked for.
    pub fn device(&self) -> Object {
        let info = self.0.info();
        let notice = self.0.notices().iter().find_map(|notice| match notice {
            Notice::Software(_) => None,
            Notice::NoGpu(_) => Some("noGpu".to_owned()),
            Notice::NotOpened(reason) => Some(reason.to_string()),
        });
        object(&[
            ("kind", info.kind.as_str().into()),
            ("name", if info.kind == Kind::Gpu { info.name.as_str().into() } else { JsValue::NULL }),
            ("software", info.software.into()),
            ("instructions", twolayer::devices::processor().instructions.map_or(JsValue::NULL, JsValue::from)),
            ("family", self.0.kernels().map_or(JsValue::NULL, JsValue::from)),
            ("notice", notice.map_or(JsValue::NULL, JsValue::from)),
        ])
    }
}

fn settings(
    device: &str,
    hidden: usize,
    activation: &str,
    learning_rate: f32,
    seed: f64,
) -> Result<Settings, js_sys::Error> {
    Ok(Settings {
        device: device.parse().map_err(|error| thrown("settings", &error))?,
        hidden,
        activation: activation.parse().map_err(|error| thrown("settings", &error))?,
        learning_rate,
        seed: seed as u64,
    })
}

fn object(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // A plain object takes every value.
        let _ = Reflect::set(&object, &JsString::from(*name), value);
    }
    object
}

/// An error whose `name` tells the worker what to do: `device` can be replaced by the CPU.
fn thrown(name: &str, error: &dyn std::error::Error) -> js_sys::Error {
    let thrown = js_sys::Error::new(&error.to_string());
    thrown.set_name(name);
    thrown
}

#[allow(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn failed(error: Error) -> js_sys::Error {
    use backend::Error as Backend;
    let name = match &error {
        Error::Backend(reason) | Error::Explain(explain::Error::Backend(reason)) => match reason {
            Backend::Shape(_) | Backend::Params { .. } | Backend::Set { .. } | Backend::PartImage { .. } => "settings",
            Backend::NoMemory(_) => "memory",
            _ => "device",
        },
        Error::Device(_) => "device",
        Error::LearningRate(_) => "settings",
        Error::Diverged(_) => "diverged",
        Error::Explain(_) | Error::Write(_) => "data",
    };
    thrown(name, &error)
}
