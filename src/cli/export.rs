//! `twolayer export`: a saved network in another program's format.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use serde::Serialize;

use super::saved::{FunctionArguments, Saved};
use super::{Error, check_free, print, print_json};
use crate::export::{PYTORCH_NAMES, PixelType, output_name, write_c, write_onnx, write_pytorch};
use crate::files::{check_place, write_atomic};
use crate::model::{self, Problem};
use crate::net::{Net, Shape, names};
use crate::words::either;

#[derive(Args)]
pub(super) struct Arguments {
    /// The folder of a run, or a safetensors file
    #[arg(value_name = "RUN|FILE")]
    model: PathBuf,
    /// The file to write: .onnx for ONNX runtimes, .c for C99 without allocation, .safetensors for PyTorch (fc1.weight,
    /// fc1.bias, fc2.weight, fc2.bias)
    #[arg(value_name = "OUT", value_parser = PathBufValueParser::new().try_map(Target::of))]
    out: Target,
    /// The input of an .onnx file: f32 (byte / 255) or u8 (0 to 255, divided in the graph) [default: f32]
    #[arg(long, value_name = "TYPE")]
    input: Option<PixelType>,
    #[command(flatten)]
    functions: FunctionArguments,
    /// Overwrite an existing file
    #[arg(long)]
    overwrite: bool,
    /// Print what was written as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// A file to write, and its format.
#[derive(Clone)]
struct Target {
    path: PathBuf,
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Onnx,
    C,
    PyTorch,
}

names!(Format, "format", { Onnx => "onnx", C => "c", PyTorch => "pytorch" });

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::C => "c",
            Self::PyTorch => "safetensors",
        }
    }
}

impl Target {
    fn of(path: PathBuf) -> Result<Self, String> {
        let end = path.extension().unwrap_or_default();
        let Some(format) = Format::ALL.into_iter().find(|format| end.eq_ignore_ascii_case(format.ending())) else {
            let endings = Format::ALL.map(|format| format!(".{}", format.ending()));
            return Err(format!("end the name of the file in {}", either(&endings)));
        };
        Ok(Self { path, format })
    }
}

#[derive(Serialize)]
struct Report {
    model: String,
    format: &'static str,
    out: String,
    bytes: u64,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    let Target { path, format } = &arguments.out;
    if arguments.input.is_some() && *format != Format::Onnx {
        let text = format!("--input is for .onnx files; leave it out for a .{}", format.ending());
        return Err(Error::Usage(text));
    }
    check_free(Some(path), arguments.overwrite)?;
    let failed = |reason| Error::Model(model::Error { path: path.clone(), problem: Problem::Write(reason) });
    let place = if path.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { check_place(path) };
    place.map_err(failed)?;
    let (net, params, description) = Saved::load(&arguments.model)?.network(&arguments.functions)?;
    let pixels = arguments.input.unwrap_or_default();
    let write = |out: &mut dyn Write| match format {
        Format::Onnx => write_onnx(out, &net, &params, &description, pixels),
        Format::C => write_c(out, &net, &params, &description),
        Format::PyTorch => write_pytorch(out, &net, &params, &description),
    };
    let written = write_atomic(path, |file| {
        let mut file = io::BufWriter::new(file);
        write(&mut file)?;
        file.flush()
    })
    .and_then(|()| fs::metadata(path))
    .map_err(failed)?;
    if !arguments.json {
        return print(&line(path, *format, &net, pixels));
    }
    print_json(&Report {
        model: arguments.model.display().to_string(),
        format: format.as_str(),
        out: path.display().to_string(),
        bytes: written.len(),
    })
}

/// What was written, and how it is used.
fn line(path: &Path, format: Format, net: &Net, pixels: PixelType) -> String {
    let Shape { input, hidden, classes } = net.shape;
    let output = output_name(net.output);
    let used = match (format, pixels) {
        (Format::Onnx, PixelType::F32) => {
            format!("image float32 [N, {input}], byte / 255, to {output} float32 [N, {classes}]")
        }
        (Format::Onnx, PixelType::U8) => format!("image uint8 [N, {input}] to {output} float32 [N, {classes}]"),
        (Format::C, _) => format!("int predict(const uint8_t image[{input}], float {output}[{classes}])"),
        (Format::PyTorch, _) => {
            let [fc1, fc1_bias, fc2, fc2_bias] = PYTORCH_NAMES;
            format!("{fc1} [{hidden}, {input}], {fc1_bias}, {fc2} [{classes}, {hidden}], {fc2_bias}")
        }
    };
    format!("{}: {used}\n", path.display())
}
