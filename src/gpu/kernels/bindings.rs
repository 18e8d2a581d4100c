//! What a shader binds, read from its own lines `@group(0) @binding(N) var<...> name: type;`.

use wgpu::{BindingType, BufferBindingType};

use crate::gpu::layout::is_bound_by_row;

/// How a shader binds a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A few values that all invocations read, or a window of a larger buffer.
    Uniform,
    /// Storage, read only.
    Read,
    /// Storage, read and written.
    ReadWrite,
}

impl Access {
    /// WebGPU's name for it.
    #[cfg(feature = "cli")]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Read => "read-only-storage",
            Self::ReadWrite => "storage",
        }
    }
}

/// One of a shader's bindings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Its name in the shader.
    pub name: String,
    pub access: Access,
}

impl Binding {
    /// The bindings of a kernel's whole text, in the order of their numbers, which leave none out.
    ///
    /// # Panics
    /// If a line has another form, or the numbers are not 0, 1, 2 ...
    pub fn all(kernel: &str, text: &str) -> Vec<Self> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("@group(0) @binding("));
        let mut numbered: Vec<(usize, Self)> = lines
            .map(|line| Self::read(line).unwrap_or_else(|| panic!("{kernel}: no binding can be read from '{line}'")))
            .collect();
        numbered.sort_by_key(|(number, _)| *number);
        for (place, (number, Self { name, .. })) in numbered.iter().enumerate() {
            assert!(place == *number, "{kernel}: {name} is binding {number}, where {place} should be next");
        }
        numbered.into_iter().map(|(_, binding)| binding).collect()
    }

    /// From what follows `@group(0) @binding(`.
    fn read(line: &str) -> Option<(usize, Self)> {
        let (number, rest) = line.split_once(") var<")?;
        let (space, rest) = rest.split_once("> ")?;
        let (name, _) = rest.split_once(": ")?;
        let access = match space {
            "uniform" => Access::Uniform,
            "storage, read" => Access::Read,
            "storage, read_write" => Access::ReadWrite,
            _ => return None,
        };
        Some((number.parse().ok()?, Self { name: name.to_owned(), access }))
    }

    /// Whether a dynamic offset says which row of a buffer is bound.
    pub fn is_row(&self) -> bool {
        is_bound_by_row(&self.name)
    }

    pub fn is_storage(&self) -> bool {
        self.access != Access::Uniform
    }

    pub fn binding_type(&self) -> BindingType {
        let ty = match self.access {
            Access::Uniform => BufferBindingType::Uniform,
            Access::Read => BufferBindingType::Storage { read_only: true },
            Access::ReadWrite => BufferBindingType::Storage { read_only: false },
        };
        BindingType::Buffer { ty, has_dynamic_offset: self.is_row(), min_binding_size: None }
    }
}

#[cfg(test)]
mod tests {
    use naga::{AddressSpace, StorageAccess};

    use super::*;
    use crate::gpu::kernels::tests::{choices, whole_text};
    use crate::gpu::kernels::{MOST_ROWS, SOURCES};
    use crate::net::Shape;

    /// What naga makes of a kernel's text.
    fn reflected(text: &str) -> Vec<(u32, Binding)> {
        let module =
            naga::front::wgsl::parse_str(text).unwrap_or_else(|error| panic!("{}", error.emit_to_string(text)));
        let bound = module.global_variables.iter().filter_map(|(_, variable)| {
            let binding = variable.binding?;
            let access = match variable.space {
                AddressSpace::Uniform => Access::Uniform,
                AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => Access::ReadWrite,
                _ => Access::Read,
            };
            assert_eq!(binding.group, 0);
            Some((binding.binding, Binding { name: variable.name.clone()?, access }))
        });
        let mut bound: Vec<_> = bound.collect();
        bound.sort_by_key(|(number, _)| *number);
        bound
    }

    #[test]
    fn every_kernel_s_bindings_are_those_that_naga_finds() {
        let (net, pass_output) = choices(Shape { input: 1, hidden: 1, classes: 2 }).next().unwrap();
        for source in SOURCES {
            let text = whole_text(source, &net, pass_output);
            let read = Binding::all(source.name, &text);
            assert_eq!((0..).zip(read.clone()).collect::<Vec<_>>(), reflected(&text), "{}", source.name);
            assert!(read.iter().filter(|binding| binding.is_row()).count() <= MOST_ROWS, "{}", source.name);
        }
    }

    #[test]
    #[should_panic(expected = "sum: b is binding 2, where 1 should be next")]
    fn a_gap_is_named() {
        let text =
            "@group(0) @binding(0) var<uniform> a: u32;\n@group(0) @binding(2) var<storage, read> b: array<u32>;\n";
        Binding::all("sum", text);
    }

    #[test]
    #[should_panic(expected = "sum: no binding can be read from '0) var<storage> a: array<u32>;'")]
    fn a_line_of_another_form_is_named() {
        Binding::all("sum", "@group(0) @binding(0) var<storage> a: array<u32>;\n");
    }
}
