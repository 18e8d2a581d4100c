//! The processor and the operating system of this machine, as far as the system reports them.

use crate::threads::cores;

/// A CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize, serde::Deserialize))]
pub struct Processor {
    /// The processor's name for its model. If it has no model number, as in many virtual machines, family, model and stepping
    /// are added.
    pub model: Option<String>,
    /// The number of cores that this process may use.
    pub cores: usize,
    /// The vector instructions of the computation. `None` for the f64 reference.
    pub instructions: Option<String>,
}

impl Processor {
    /// This machine's processor, with these vector instructions.
    #[must_use]
    pub fn this(instructions: Option<&str>) -> Self {
        Self { model: model(), cores: cores(), instructions: instructions.map(str::to_owned) }
    }
}

/// The operating system with its version.
#[must_use]
pub fn os_version() -> Option<String> {
    #[cfg(all(target_os = "macos", feature = "cli"))]
    return apple::value(c"kern.osproductversion").map(|version| format!("macOS {version}"));
    #[allow(unreachable_code, reason = "on one system")]
    pretty_name(&text("/etc/os-release")?)
}

/// The kernel's version.
#[must_use]
pub fn kernel() -> Option<String> {
    #[cfg(all(target_os = "macos", feature = "cli"))]
    return apple::value(c"kern.osrelease");
    #[allow(unreachable_code, reason = "on one system")]
    tidy(&text("/proc/sys/kernel/osrelease")?)
}

/// A file in which the system says something; none where it has no such file.
fn text(file: &str) -> Option<String> {
    if cfg!(target_family = "wasm") { None } else { std::fs::read_to_string(file).ok() }
}

/// `PRETTY_NAME` of an os-release file, as in os-release(5).
fn pretty_name(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix("PRETTY_NAME="))?;
    tidy(value.trim_matches(['"', '\'']))
}

/// The text as one line with single spaces. `None` if it is empty.
fn tidy(text: &str) -> Option<String> {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then_some(words)
}

#[cfg(target_arch = "x86_64")]
fn model() -> Option<String> {
    let brand = x86::brand()?;
    Some(if names_a_model(&brand) { brand } else { format!("{brand} ({})", x86::numbers()) })
}

/// Whether the name has a number that is not the clock rate.
#[cfg(any(test, target_arch = "x86_64"))]
fn names_a_model(brand: &str) -> bool {
    let name = brand.split('@').next().unwrap_or_default();
    name.contains(|c: char| c.is_ascii_digit())
}

#[cfg(not(target_arch = "x86_64"))]
fn model() -> Option<String> {
    #[cfg(all(target_os = "macos", feature = "cli"))]
    return apple::value(c"machdep.cpu.brand_string");
    #[cfg(windows)]
    return tidy(&std::env::var("PROCESSOR_IDENTIFIER").ok()?);
    #[allow(unreachable_code, reason = "on some systems")]
    of_cpuinfo(&text("/proc/cpuinfo")?, text("/proc/device-tree/model").as_deref())
}

/// The processor's model from Linux's /proc/cpuinfo, or else its implementer and part numbers, with the board's name if known.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn of_cpuinfo(text: &str, board: Option<&str>) -> Option<String> {
    let values = |key: &str| {
        let mut values: Vec<String> = Vec::new();
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            if let Some(value) = tidy(value).filter(|value| name.trim() == key && !values.contains(value)) {
                values.push(value);
            }
        }
        (!values.is_empty()).then(|| values.join(" and "))
    };
    let parts = || {
        let [implementer, part] = [values("CPU implementer")?, values("CPU part")?];
        Some(format!("implementer {implementer}, part {part}"))
    };
    let model = ["model name", "cpu model", "uarch", "cpu"].into_iter().find_map(values);
    match (model.or_else(parts), board.and_then(tidy)) {
        (Some(model), Some(board)) => Some(format!("{board} ({model})")),
        (model, board) => model.or(board),
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, unused_unsafe, reason = "for newer compilers CPUID is safe on x86-64")]
mod x86 {
    use std::arch::x86_64::{__cpuid, CpuidResult};

    fn cpuid(leaf: u32) -> CpuidResult {
        // SAFETY: every x86-64 processor has the instruction, and it only changes its result registers.
        unsafe { __cpuid(leaf) }
    }

    /// The CPUID leaves of the processor's name, 16 bytes each.
    const BRAND: [u32; 3] = [0x8000_0002, 0x8000_0003, 0x8000_0004];

    /// The processor's name.
    pub fn brand() -> Option<String> {
        if cpuid(0x8000_0000).eax < BRAND[2] {
            return None;
        }
        let registers = BRAND.map(cpuid).map(|CpuidResult { eax, ebx, ecx, edx }| [eax, ebx, ecx, edx]);
        let bytes: Vec<u8> = registers.as_flattened().iter().flat_map(|register| register.to_le_bytes()).collect();
        super::tidy(&String::from_utf8_lossy(&bytes))
    }

    /// Family, model and stepping of the processor.
    pub fn numbers() -> String {
        signature(cpuid(1).eax)
    }

    /// Family, model and stepping from CPUID leaf 1, as in the AMD64 Architecture Programmer's Manual (volume 3, appendix E).
    /// Intel's family 6 has the extended model too.
    pub fn signature(eax: u32) -> String {
        let bits = |low: u32, count: u32| (eax >> low) & ((1 << count) - 1);
        let (family, model, stepping) = (bits(8, 4), bits(4, 4), bits(0, 4));
        let extended = if matches!(family, 6 | 15) { bits(16, 4) << 4 } else { 0 };
        let family = if family == 15 { family + bits(20, 8) } else { family };
        format!("family {family}, model {}, stepping {stepping}", extended + model)
    }
}

#[cfg(all(target_os = "macos", feature = "cli"))]
mod apple {
    use std::ffi::CStr;

    /// A text value of the kernel, by its name in sysctl(3).
    #[allow(unsafe_code, reason = "the standard library has no sysctl")]
    pub fn value(name: &CStr) -> Option<String> {
        let mut bytes = [0_u8; 256];
        let mut length = bytes.len();
        // SAFETY: the pointers are valid for the call, which writes at most `length` bytes.
        let failed = unsafe {
            libc::sysctlbyname(name.as_ptr(), bytes.as_mut_ptr().cast(), &raw mut length, std::ptr::null_mut(), 0)
        };
        let text = (failed == 0).then(|| bytes.get(..length))??;
        super::tidy(&String::from_utf8_lossy(text))
    }

    #[test]
    fn the_kernel_answers() {
        assert!(value(c"kern.osrelease").is_some_and(|version| version.contains('.')));
        assert_eq!(value(c"kern.no_such_name"), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_on_this_machine_is_one_line() {
        let Processor { model, cores, instructions } = Processor::this(Some("fma"));
        assert!(cores > 0 && instructions.is_some());
        for text in [model, os_version(), kernel()].into_iter().flatten() {
            assert_eq!(tidy(&text), Some(text));
        }
    }

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn cpuid_agrees_with_linux() {
        let cpuinfo = text("/proc/cpuinfo").unwrap();
        let Some(name) = cpuinfo.lines().find_map(|line| line.strip_prefix("model name\t:")).and_then(tidy) else {
            return;
        };
        assert!(model().unwrap().starts_with(&name));
        let value = |key: &str| {
            let line = cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|name| name.trim() == key));
            line.unwrap().split(':').nth(1).unwrap().trim().to_owned()
        };
        let [family, model, stepping] = ["cpu family", "model", "stepping"].map(value);
        assert_eq!(x86::numbers(), format!("family {family}, model {model}, stepping {stepping}"));
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_numbers_of_known_processors() {
        // Zen 4 (Genoa), Skylake, Pentium III.
        assert_eq!(x86::signature(0x00A1_0F11), "family 25, model 17, stepping 1");
        assert_eq!(x86::signature(0x0005_06E3), "family 6, model 94, stepping 3");
        assert_eq!(x86::signature(0x0000_0686), "family 6, model 8, stepping 6");
    }

    #[test]
    fn a_name_without_a_number_names_no_model() {
        for named in ["AMD EPYC 9654 96-Core Processor", "Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz", "Apple M2"] {
            assert!(names_a_model(named), "{named}");
        }
        for unnamed in ["AMD EPYC", "Intel(R) Xeon(R) CPU @ 2.20GHz", ""] {
            assert!(!names_a_model(unnamed), "{unnamed}");
        }
    }

    #[test]
    fn other_processors_are_named_by_cpuinfo() {
        let two_kinds = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n\nprocessor\t: 1\nCPU \
                         implementer\t: 0x41\nCPU part\t: 0xd0b\n";
        assert_eq!(of_cpuinfo(two_kinds, None).unwrap(), "implementer 0x41, part 0xd05 and 0xd0b");
        let board = Some("Raspberry Pi 5 Model B Rev 1.0\0");
        let one = "CPU implementer\t: 0x41\nCPU part\t: 0xd0b\n";
        assert_eq!(of_cpuinfo(one, board).unwrap(), "Raspberry Pi 5 Model B Rev 1.0 (implementer 0x41, part 0xd0b)");
        assert_eq!(
            of_cpuinfo("processor : 0\ncpu\t\t: POWER9, altivec supported\n", None).unwrap(),
            "POWER9, altivec supported"
        );
        assert_eq!(of_cpuinfo("processor : 0\n", Some("\0")), None);
        assert_eq!(of_cpuinfo("", board).as_deref(), Some("Raspberry Pi 5 Model B Rev 1.0"));
    }

    #[test]
    fn the_system_is_named_by_os_release() {
        let debian = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(pretty_name(debian).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(pretty_name("PRETTY_NAME=Alpine\n").as_deref(), Some("Alpine"));
        for nothing in ["", "NAME=x", "PRETTY_NAME=\"\""] {
            assert_eq!(pretty_name(nothing), None);
        }
    }
}
