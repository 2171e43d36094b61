//! How many processors there are, looked up once for the cores.

use std::sync::OnceLock;
use std::thread::available_parallelism;

/// The threads that may run at the same time here, by affinity and limits.
pub fn get() -> usize {
    available_parallelism().map_or(1, Into::into)
}

/// The cores of the machine, whatever this process may use of them. Where the system does not say, it is [`get`].
pub fn get_physical() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| {
        let listed = std::fs::read_to_string("/proc/cpuinfo").ok();
        listed.and_then(|listed| cores(&listed)).unwrap_or_else(get)
    })
}

/// The cores that Linux lists: those of each package, which every of its processors repeats.
fn cores(listed: &str) -> Option<usize> {
    let mut packages: Vec<(&str, usize)> = Vec::new();
    let mut package = None;
    for line in listed.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        match key.trim() {
            "physical id" => package = Some(value.trim()),
            "cpu cores" => {
                let (package, cores) = (package.take()?, value.trim().parse().ok()?);
                if packages.iter().all(|(known, _)| *known != package) {
                    packages.push((package, cores));
                }
            }
            _ => {}
        }
    }
    Some(packages.iter().map(|(_, cores)| cores).sum()).filter(|cores| *cores > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_counted_once_for_each_package() {
        let processor = |package: usize| {
            format!("processor\t: 0\nphysical id\t: {package}\nsiblings\t: 8\ncpu cores\t: 4\nflags\t: fpu\n\n")
        };
        let listed = [0, 0, 1, 1].map(processor).concat();
        assert_eq!(cores(&listed), Some(8));
        assert_eq!(cores("processor\t: 0\nmodel name\t: of a machine that says nothing about packages\n"), None);
        assert_eq!(cores(""), None);
    }

    #[test]
    fn there_is_a_processor() {
        assert!(get() >= 1 && get_physical() >= 1);
    }
}
