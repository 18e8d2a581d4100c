//! A network as C.

use std::io::{self, Write};

use super::names::output_name;
use crate::data::description::Description;
use crate::data::prepare::Way;
use crate::net::{Activation, Net, Output, Params, Shape, Tensor};

/// Values in a line of a table.
const VALUES: usize = 8;

/// Of `a`; each is 1/(1 + e^-a), max(0, a) or (e^a - e^-a) / (e^a + e^-a) without an exponent above 0, which could overflow.
const SIGMOID: &str = "    const float e = expf(a < 0.0f ? a : -a);

    return (a < 0.0f ? e : 1.0f) / (1.0f + e);
";
const RELU: &str = "    return a > 0.0f ? a : 0.0f;
";
/// Near 0, where 1 - e loses digits, Lambert's continued fraction.
const TANH: &str = "    const float s = a * a, e = expf(a < 0.0f ? 2.0f * a : -2.0f * a);

    if (s < 0.25f)
        return a / (1.0f + s / (3.0f + s / (5.0f + s / (7.0f + s / 9.0f))));
    return (a < 0.0f ? e - 1.0f : 1.0f - e) / (1.0f + e);
";

/// Turns outputs into probabilities. The largest output is subtracted, so that no exponent is above 0.
const SOFTMAX: &str = "
static void softmax(float outputs[CLASSES], float largest)
{
    float sum = 0.0f;

    for (int k = 0; k < CLASSES; k++) {
        outputs[k] = expf(outputs[k] - largest);
        sum += outputs[k];
    }
    for (int k = 0; k < CLASSES; k++)
        outputs[k] /= sum;
}
";

/// Writes a network as one C99 file, which C++ compilers take too: tables of the parameters and the function
/// `int predict(const uint8_t image[input], float probabilities[classes])`, which returns the class of the largest output, the first
/// of equal ones. Its second parameter has the name of [`output_name`](super::output_name). Names of classes are the table
/// `class_names`. The file needs `expf` alone of the C library, and allocates nothing.
///
/// # Errors
/// Those of `out`.
pub fn write_c(out: &mut dyn Write, net: &Net, params: &Params, description: &Description) -> io::Result<()> {
    let Shape { input, hidden, classes } = params.shape;
    let name = output_name(net.output);
    let prototype =
        |pixels: &str, classes: &str| format!("int predict(const uint8_t image[{pixels}], float {name}[{classes}])");
    let named = if description.names.is_some() { "; class_names has its name" } else { "" };
    writeln!(
        out,
        "/* A network of two layers, {shape}, written by twolayer {version}: of x = image / 255,
 *     {formula}
 *
 *     {prototype};
 *
 * image:         one byte a pixel, 0 to 255, row by row
 * {label:15}{values}
 * its result:    the class of the largest of them, from 0{named}
 *
 * `twolayer predict` prepares pictures so:
 *     {way}.
 *
 * This is C99, and C++. It allocates nothing, keeps nothing between calls, needs
 * expf alone of the C library, and takes {stack} bytes of stack for the hidden layer.
 * Compile it with a file that declares predict, in C++ as extern \"C\":
 *     cc -O2 main.c net.c -lm
 */

#include <math.h>
#include <stdint.h>

enum {{ PIXELS = {input}, HIDDEN = {hidden}, CLASSES = {classes} }};

{declaration};
",
        shape = params.shape,
        version = env!("CARGO_PKG_VERSION"),
        formula = match net.output {
            Output::Softmax => format!("softmax({}(x W1 + b1) W2 + b2)", net.activation),
            Output::Identity => format!("{}(x W1 + b1) W2 + b2", net.activation),
        },
        label = format!("{name}:"),
        prototype = prototype(&input.to_string(), &classes.to_string()),
        values = match net.output {
            Output::Softmax => "of each class; their sum is 1",
            Output::Identity => "one for each class",
        },
        way = Way::of(description, input),
        stack = hidden * size_of::<f32>(),
        declaration = prototype("PIXELS", "CLASSES"),
    )?;
    if let Some(names) = &description.names {
        writeln!(out, "extern const char *const class_names[CLASSES];\nconst char *const class_names[CLASSES] = {{")?;
        names.iter().try_for_each(|name| writeln!(out, "    {},", literal(name)))?;
        writeln!(out, "}};\n")?;
    }
    for tensor in params.tensors() {
        table(out, &tensor)?;
    }
    let (function, end) = match net.output {
        Output::Softmax => (SOFTMAX, format!("    softmax({name}, {name}[best]);\n")),
        Output::Identity => ("", String::new()),
    };
    write!(
        out,
        "static float activation(float a)
{{
{activation}}}
{function}
{predict}
{{
    float z1[HIDDEN];
    int best = 0;

    for (int j = 0; j < HIDDEN; j++)
        z1[j] = b1[j];
    for (int i = 0; i < PIXELS; i++) {{
        const float x = (float)image[i] / 255.0f;

        if (x > 0.0f)
            for (int j = 0; j < HIDDEN; j++)
                z1[j] += x * W1[i][j];
    }}
    for (int k = 0; k < CLASSES; k++)
        {name}[k] = b2[k];
    for (int j = 0; j < HIDDEN; j++) {{
        const float z = activation(z1[j]);

        for (int k = 0; k < CLASSES; k++)
            {name}[k] += z * W2[j][k];
    }}
    for (int k = 1; k < CLASSES; k++)
        if ({name}[k] > {name}[best])
            best = k;
{end}    return best;
}}
",
        activation = match net.activation {
            Activation::Sigmoid => SIGMOID,
            Activation::Relu => RELU,
            Activation::Tanh => TANH,
        },
        predict = prototype("PIXELS", "CLASSES"),
    )
}

/// A tensor as a constant array.
fn table(out: &mut dyn Write, tensor: &Tensor) -> io::Result<()> {
    let Tensor { name, dims, values } = tensor;
    let (sizes, columns) = match (*name, &dims[..]) {
        ("W1", [_, columns]) => ("[PIXELS][HIDDEN]", Some(*columns)),
        ("b1", _) => ("[HIDDEN]", None),
        ("W2", [_, columns]) => ("[HIDDEN][CLASSES]", Some(*columns)),
        _ => ("[CLASSES]", None),
    };
    writeln!(out, "static const float {name}{sizes} = {{")?;
    match columns {
        Some(columns) => values.chunks(columns).try_for_each(|row| writeln!(out, "  {{\n{}  }},", lines(row)))?,
        None => out.write_all(lines(values).as_bytes())?,
    }
    writeln!(out, "}};\n")
}

/// Values with the digits that give the same f32 again.
fn lines(values: &[f32]) -> String {
    let line = |values: &[f32]| {
        let values: Vec<String> = values.iter().map(|value| format!("{value:e}f,")).collect();
        format!("    {}\n", values.join(" "))
    };
    values.chunks(VALUES).map(line).collect()
}

/// A text as a string literal, in bytes of UTF-8. Octal escapes end after three digits, and `\?` makes no trigraph.
fn literal(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'?' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    };
    format!("\"{}\"", text.bytes().map(escaped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_its_literal() {
        assert_eq!(literal("boots 7"), r#""boots 7""#);
        assert_eq!(literal("a\"b\\c??/*/\n\0é1"), r#""a\"b\\c\?\?/*/\012\000\303\2511""#);
    }

    #[test]
    fn values_read_back_bit_for_bit() {
        let values =
            [0.1, -0.0, 1.0, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), -1.175_494_2e-38, 16_777_217.0, 3.0];
        let text = lines(&values);
        assert!(text.starts_with("    1e-1f, -0e0f, 1e0f, 3.4028235e38f, ") && text.lines().count() == 2, "{text}");
        let read = text.split_whitespace().map(|value| value.strip_suffix("f,").unwrap().parse::<f32>().unwrap());
        assert!(read.map(f32::to_bits).eq(values.map(f32::to_bits)));
    }
}
