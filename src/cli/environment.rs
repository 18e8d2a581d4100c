//! Changes the environment of this process before the system's libraries read it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Disables Mesa's Vulkan layer `device_select`, which lists the GPU of the display first.
const NO_DEVICE_SELECT: &str = "NODEVICE_SELECT";
/// The variables by which a user chooses a GPU in that layer.
const DEVICE_SELECT: [&str; 3] = ["MESA_VK_DEVICE_SELECT", "MESA_VK_DEVICE_SELECT_FORCE_DEFAULT_DEVICE", "DRI_PRIME"];
/// The folder of the Wayland display.
const RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";

/// Disables Mesa's Vulkan layer `device_select` if there is no Wayland display. The layer would look for the display, and
/// libwayland would print an error each time that GPUs are listed. The layer only sorts the GPUs, and
/// [`crate::gpu::adapters::list`] sorts them anyway.
///
/// # Safety
/// No other thread of the process may read or write the environment at the same time. Call it first in `main`.
#[allow(unsafe_code, reason = "the environment can be changed while the process has one thread")]
pub unsafe fn prepare() {
    if cfg!(all(unix, not(target_vendor = "apple"))) && layer_is_useless(|name| std::env::var_os(name)) {
        // SAFETY: the caller guarantees that nothing else reads or writes the environment.
        unsafe { std::env::set_var(NO_DEVICE_SELECT, "1") };
    }
}

/// Whether there is no display for the layer, and the user has not set it up.
fn layer_is_useless(variable: impl Fn(&OsStr) -> Option<OsString>) -> bool {
    let is_set = |name: &str| variable(name.as_ref()).is_some();
    let has_folder = variable(RUNTIME_DIR.as_ref()).is_some_and(|folder| Path::new(&folder).is_absolute());
    !has_folder && !is_set(NO_DEVICE_SELECT) && !DEVICE_SELECT.into_iter().any(is_set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_is_useless_without_a_display() {
        let is_useless = |set: &[(&str, &str)]| {
            layer_is_useless(|name| set.iter().find(|(other, _)| name == *other).map(|(_, value)| value.into()))
        };
        for set in [&[][..], &[("XDG_RUNTIME_DIR", "")], &[("XDG_RUNTIME_DIR", "here")]] {
            assert!(is_useless(set), "{set:?}");
        }
        let folder = if cfg!(windows) { "C:/run" } else { "/run/user/1000" };
        for set in [("XDG_RUNTIME_DIR", folder), ("NODEVICE_SELECT", "0"), ("DRI_PRIME", "1")] {
            assert!(!is_useless(&[set]), "{set:?}");
        }
    }
}
