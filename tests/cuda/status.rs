//! What the library says of the device and of what it needs.

use eidos::device_status;
use serde_json::json;

use crate::kit::Kit;

pub fn run(kit: &Kit) {
    let status = device_status();
    let devices: Vec<_> = status
        .devices
        .iter()
        .map(|device| {
            json!({
                "name": device.name,
                "total_memory": device.total_memory,
                "free_memory": device.free_memory,
                "compute_capability": format!("{}.{}", device.compute_capability.0, device.compute_capability.1),
                "problem": device.problem,
            })
        })
        .collect();
    let libraries: Vec<_> = status.libraries.iter().map(|library| json!([library.name, library.version])).collect();
    kit.measured("device", &json!({"cuda_build": status.cuda_build, "devices": devices, "libraries": libraries}));
    if kit.on_gpu() {
        let said = status.reason.as_deref().unwrap_or("a GPU can be used");
        kit.check("ready", status.cuda_build && status.reason.is_none(), said);
    } else {
        kit.check("ready", !status.cuda_build || !kit.plants("status"), "the CPU plays the device");
    }
}
