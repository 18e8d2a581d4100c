//! What this process's environment says before the system's libraries read it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Set, it keeps Mesa's Vulkan layer `device_select` away, which puts the GPU first that the display is on.
const NO_DEVICE_SELECT: &str = "NODEVICE_SELECT";
/// By these a person asks the layer for a GPU.
const ASKS_DEVICE_SELECT: [&str; 3] =
    ["MESA_VK_DEVICE_SELECT", "MESA_VK_DEVICE_SELECT_FORCE_DEFAULT_DEVICE", "DRI_PRIME"];
/// The folder of the Wayland display.
const RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";

/// Prepares the environment: where there can be no Wayland display, Mesa's Vulkan layer shall not look for one. libwayland would
/// print an error of its own each time that GPUs are listed, and all that the layer does is to put them into another order than
/// [`crate::gpu::adapters::list`], which has its own.
///
/// # Safety
/// No other thread of the process may read or write the environment meanwhile; so call it first in `main`.
#[allow(unsafe_code, reason = "an environment can be changed while there is one thread alone")]
pub unsafe fn prepare() {
    if cfg!(all(unix, not(target_vendor = "apple"))) && looks_in_vain(|name| std::env::var_os(name)) {
        // SAFETY: as the caller promises, nothing else reads or writes the environment.
        unsafe { std::env::set_var(NO_DEVICE_SELECT, "1") };
    }
}

/// Whether the layer would look for a display that cannot be there, and nobody asked it for anything.
fn looks_in_vain(variable: impl Fn(&OsStr) -> Option<OsString>) -> bool {
    let is_set = |name: &str| variable(name.as_ref()).is_some();
    let has_folder = variable(RUNTIME_DIR.as_ref()).is_some_and(|folder| Path::new(&folder).is_absolute());
    !has_folder && !is_set(NO_DEVICE_SELECT) && !ASKS_DEVICE_SELECT.into_iter().any(is_set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_stays_where_it_is_of_use() {
        let in_vain = |set: &[(&str, &str)]| {
            looks_in_vain(|name| set.iter().find(|(other, _)| name == *other).map(|(_, value)| value.into()))
        };
        assert!(in_vain(&[]) && in_vain(&[("XDG_RUNTIME_DIR", "")]) && in_vain(&[("XDG_RUNTIME_DIR", "here")]));
        let folder = if cfg!(windows) { "C:/run" } else { "/run/user/1000" };
        for set in [("XDG_RUNTIME_DIR", folder), ("NODEVICE_SELECT", "0"), ("DRI_PRIME", "1")] {
            assert!(!in_vain(&[set]), "{set:?}");
        }
    }
}
