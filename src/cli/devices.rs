//! `twolayer devices`: what `--device` can choose from.

use clap::Args;
use comfy_table::{Table, presets};
use pollster::block_on;
use serde::Serialize;

use super::{Error, print, print_json};
use crate::devices::{Kind, NoGpu, list};
use crate::report::progress::tell;
use crate::report::summary::Device;

#[derive(Args)]
pub(super) struct Arguments {
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed {
    index: usize,
    #[serde(flatten)]
    device: Device,
}

#[derive(Serialize)]
struct List {
    devices: Vec<Listed>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    let found = block_on(list(0));
    if arguments.json {
        let devices =
            found.iter().map(|found| Listed { index: found.info.index, device: (&found.info).into() }).collect();
        return print_json(&List { devices });
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["index", "name", "backend", "driver", ""]);
    for found in &found {
        let info = &found.info;
        let software = if info.software { "software" } else { "" };
        table.add_row([&info.index.to_string(), &info.name, &info.backend, &info.driver, software]);
    }
    print(&format!("{}\n", table.trim_fmt()))?;
    if found.iter().all(|found| found.info.kind == Kind::Cpu) {
        tell(format_args!("note: {NoGpu}"));
    }
    Ok(())
}
