//! `eidos doctor`: what this build and this machine can do, for whoever asks for help.

use std::env;
use std::fs;
use std::path::Path;

use clap::{ArgMatches, Command};
use eidos::{DeviceStatus, HubOptions, LoadOptions, Precision, SplitModel, device_status};
use serde_json::{Map, Value, json};

use crate::failure::Outcome;
use crate::session::Session;
use crate::shown::{bytes, shown};

/// The variables that Eidos reads, or that change how it computes or connects.
const VARIABLES: [&str; 29] = [
    "HF_HOME",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_ENDPOINT",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_TOKEN_PATH",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN",
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "HF_HUB_DOWNLOAD_TIMEOUT",
    "XDG_CACHE_HOME",
    "OPENAI_BASE_URL",
    "OPENAI_API_KEY",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "CUDA_VISIBLE_DEVICES",
    "NO_COLOR",
    "TMPDIR",
];

pub fn command() -> Command {
    Command::new("doctor")
        .about("Show versions, processor, devices, cache and limits; nothing secret, and nothing is sent")
}

pub fn run(_: &ArgMatches, session: &mut Session) -> Outcome {
    let found = Found::now(session);
    session.progress.clear();
    let out = &mut session.output;
    if out.is_json() {
        return Ok(out.json(&found.json())?);
    }
    for (name, lines) in found.told() {
        for (index, line) in lines.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            out.line(format!("{name:<12} {}", shown(line)).trim_end())?;
        }
    }
    Ok(())
}

/// What was found.
struct Found {
    processor: Option<String>,
    threads: usize,
    instructions: Vec<&'static str>,
    /// How products are computed, for each precision of the CPU.
    products: Vec<(&'static str, Result<String, String>)>,
    devices: DeviceStatus,
    cache: Result<Cache, String>,
    limits: Vec<(&'static str, Option<u64>)>,
    variables: Vec<(&'static str, String)>,
}

struct Cache {
    folder: String,
    /// Its bytes; `None` where it is not there.
    bytes: Option<u64>,
    models: usize,
}

impl Found {
    fn now(session: &Session) -> Self {
        let precisions = [("f32", Precision::F32), ("bf16", Precision::Bf16), ("int8", Precision::Int8)];
        let products = precisions.map(|(name, precision)| {
            let options = LoadOptions { precision, ..LoadOptions::default() };
            let model = SplitModel::load("eidos:demo", &["0"], &options, &session.control);
            (name, model.map(|model| model.products().to_owned()).map_err(|error| error.to_string()))
        });
        Self {
            processor: processor(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            instructions: instructions(),
            products: products.into(),
            devices: device_status(),
            cache: HubOptions::default()
                .cache_folder()
                .map(|folder| Cache::of(&folder))
                .map_err(|error| error.to_string()),
            limits: limits(),
            variables: VARIABLES
                .into_iter()
                .filter_map(|name| Some((name, visible(name, &env::var_os(name)?.to_string_lossy()))))
                .collect(),
        }
    }

    fn told(&self) -> Vec<(&'static str, Vec<String>)> {
        let features: Vec<&str> = eidos::features().collect();
        let mut devices: Vec<String> = self
            .devices
            .devices
            .iter()
            .map(|device| {
                let (major, minor) = device.compute_capability;
                let problem =
                    device.problem.as_ref().map_or_else(String::new, |problem| format!(", cannot be used: {problem}"));
                let free = device.free_memory.map_or_else(String::new, |free| format!(", {} free", bytes(free)));
                format!(
                    "cuda:{} {}, {}{free}, compute capability {major}.{minor}{problem}",
                    device.index,
                    device.name,
                    bytes(device.total_memory)
                )
            })
            .collect();
        devices.extend(
            self.devices
                .libraries
                .iter()
                .map(|library| format!("{} {}", library.name, library.version.as_deref().unwrap_or("is missing"))),
        );
        devices.extend(self.devices.reason.clone());
        let cache = match &self.cache {
            Ok(Cache { folder, bytes: Some(size), models }) => format!("{folder}: {} of {models} models", bytes(*size)),
            Ok(Cache { folder, .. }) => format!("{folder}: not there yet"),
            Err(error) => error.clone(),
        };
        let limits = self.limits.iter().map(|(name, limit)| {
            let limit = match limit {
                Some(limit) if *name == "open files" => limit.to_string(),
                Some(limit) => bytes(*limit),
                None => "unlimited".to_owned(),
            };
            format!("{name}: {limit}")
        });
        let products = self.products.iter().map(|(name, products)| {
            let products = match products {
                Ok(products) | Err(products) => products,
            };
            format!("{name}: {products}")
        });
        let none = || vec!["none is set".to_owned()];
        let variables: Vec<String> = self.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        vec![
            (
                "eidos",
                vec![format!(
                    "{} (ABI {}), features {}",
                    env!("CARGO_PKG_VERSION"),
                    eidos::ABI_VERSION,
                    features.join(" ")
                )],
            ),
            ("system", vec![format!("{} {}", env::consts::OS, env::consts::ARCH)]),
            (
                "processor",
                vec![
                    format!("{}, {} threads", self.processor.as_deref().unwrap_or("unknown"), self.threads),
                    self.instructions.join(" "),
                ],
            ),
            ("products", products.collect()),
            ("devices", devices),
            ("cache", vec![cache]),
            ("limits", limits.collect()),
            ("variables", if variables.is_empty() { none() } else { variables }),
        ]
    }

    fn json(&self) -> Value {
        let devices = self.devices.devices.iter().map(|device| {
            json!({
                "index": device.index,
                "name": device.name,
                "total_memory": device.total_memory,
                "free_memory": device.free_memory,
                "compute_capability": [device.compute_capability.0, device.compute_capability.1],
                "problem": device.problem,
            })
        });
        let libraries = self.devices.libraries.iter();
        let products = self.products.iter().map(|(name, products)| match products {
            Ok(products) => ((*name).to_owned(), json!(products)),
            Err(error) => ((*name).to_owned(), json!({ "error": error })),
        });
        let limits = self.limits.iter().map(|(name, limit)| (name.replace(' ', "_"), json!(limit)));
        json!({
            "format": "eidos.doctor",
            "version": 1,
            "eidos": env!("CARGO_PKG_VERSION"),
            "abi": eidos::ABI_VERSION,
            "features": eidos::features().collect::<Vec<_>>(),
            "system": env::consts::OS,
            "architecture": env::consts::ARCH,
            "processor": self.processor,
            "threads": self.threads,
            "instructions": self.instructions,
            "products": products.collect::<Map<_, _>>(),
            "cuda": {
                "build": self.devices.cuda_build,
                "devices": devices.collect::<Vec<_>>(),
                "libraries": libraries.map(|library| json!({"name": library.name, "version": library.version})).collect::<Vec<_>>(),
                "reason": self.devices.reason,
            },
            "cache": match &self.cache {
                Ok(cache) => json!({"folder": cache.folder, "bytes": cache.bytes, "models": cache.models}),
                Err(error) => json!({ "error": error }),
            },
            "limits": limits.collect::<Map<_, _>>(),
            "variables": self.variables.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Map<_, _>>(),
        })
    }
}

impl Cache {
    fn of(folder: &Path) -> Self {
        let shown = folder.to_string_lossy().into_owned();
        let Ok(entries) = fs::read_dir(folder) else { return Self { folder: shown, bytes: None, models: 0 } };
        let is_model = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("models--");
        let models = entries.flatten().filter(is_model).count();
        Self { folder: shown, bytes: Some(size_of(folder)), models }
    }
}

/// The bytes of the files of a folder. Links are not followed: snapshots of the cache are links to its blobs.
fn size_of(folder: &Path) -> u64 {
    let mut folders = vec![folder.to_owned()];
    let mut size = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(entry.path()),
                Ok(about) if about.is_file() => size += about.len(),
                _ => {}
            }
        }
    }
    size
}

/// A variable without what is secret in it.
fn visible(name: &str, value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    if ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY"].contains(&name) {
        return "(hidden)".to_owned();
    }
    // A name and a password before the host.
    match value.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
            format!("{scheme}(hidden)@{host}")
        }
        None => value.to_owned(),
    }
}

/// The name of the processor.
fn processor() -> Option<String> {
    let about = fs::read_to_string("/proc/cpuinfo").ok()?;
    let named =
        |wanted: &str| about.lines().find_map(|line| line.split_once(':').filter(|(name, _)| name.trim() == wanted));
    let (_, name) = named("model name").or_else(|| named("Model"))?;
    Some(name.trim().to_owned())
}

/// The vector instructions that Eidos has kernels for and the processor has.
fn instructions() -> Vec<&'static str> {
    let mut found = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        let all = [
            ("AVX2", is_x86_feature_detected!("avx2")),
            ("FMA", is_x86_feature_detected!("fma")),
            ("AVX512F", is_x86_feature_detected!("avx512f")),
            ("AVX512BW", is_x86_feature_detected!("avx512bw")),
            ("AVX512-VNNI", is_x86_feature_detected!("avx512vnni")),
            ("AVX512-BF16", is_x86_feature_detected!("avx512bf16")),
        ];
        found.extend(all.into_iter().filter(|(_, there)| *there).map(|(name, _)| name));
        // Rust does not tell of AMX yet.
        let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = flags.lines().find(|line| line.starts_with("flags")).unwrap_or_default().to_owned();
        for (name, flag) in [("AMX-BF16", "amx_bf16"), ("AMX-INT8", "amx_int8")] {
            if flags.split_whitespace().any(|found| found == flag) {
                found.push(name);
            }
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        let all = [
            ("NEON", std::arch::is_aarch64_feature_detected!("neon")),
            ("DOTPROD", std::arch::is_aarch64_feature_detected!("dotprod")),
            ("BF16", std::arch::is_aarch64_feature_detected!("bf16")),
        ];
        found.extend(all.into_iter().filter(|(_, there)| *there).map(|(name, _)| name));
    }
    found
}

/// What the system lets this process have, where it says so; `None` means no limit.
fn limits() -> Vec<(&'static str, Option<u64>)> {
    let mut found = Vec::new();
    let number = |text: &str| text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
    if let Ok(about) = fs::read_to_string("/proc/meminfo") {
        for (name, field) in [("memory", "MemTotal:"), ("memory available", "MemAvailable:")] {
            let value = about.lines().find_map(|line| line.strip_prefix(field)).and_then(number);
            found.extend(value.map(|value| (name, Some(value * 1024))));
        }
    }
    // The limit of a container.
    for file in ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] {
        if let Ok(limit) = fs::read_to_string(file) {
            // The older kind has a huge number where there is no limit.
            found.push(("memory of the container", number(&limit).filter(|limit| *limit < 1 << 60)));
            break;
        }
    }
    if let Ok(about) = fs::read_to_string("/proc/self/limits") {
        for (name, field) in [("address space", "Max address space"), ("open files", "Max open files")] {
            if let Some(rest) = about.lines().find_map(|line| line.strip_prefix(field)) {
                found.push((name, number(rest)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        assert_eq!(visible("HF_TOKEN", "hf_abc"), "(hidden)");
        assert_eq!(visible("OPENAI_API_KEY", "sk-abc"), "(hidden)");
        assert_eq!(visible("HF_TOKEN_PATH", "/tokens/mine"), "/tokens/mine");
        assert_eq!(visible("HTTPS_PROXY", "http://me:p@ss@proxy:80"), "http://(hidden)@proxy:80");
        assert_eq!(visible("https_proxy", "me:pass@proxy"), "(hidden)@proxy");
        assert_eq!(visible("HF_HOME", "/models"), "/models");
    }
}
