//! The table of concept methods that `eidos fit` knows: a new one is a line of it.

use eidos::{Activations, Control, DeviceChoice, Error, ErrorCode, Explainer, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a method is called, what its options are, and how it is fitted.
pub struct Method {
    /// The name, as files have it.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// Its options with their defaults, as JSON.
    defaults: fn(usize) -> Result<Value>,
    fit: fn(&Activations, &Wanted<'_>, &Control) -> Result<Explainer>,
}

/// What somebody wants of a fit.
pub struct Wanted<'a> {
    /// How many concepts to find.
    pub concepts: usize,
    /// Options of the method by their names: `("tolerance", "1e-6")`.
    pub options: &'a [(String, String)],
    /// How many threads work.
    pub threads: usize,
    /// Where the fit runs.
    pub device: DeviceChoice,
}

/// A method, how its options are made for a number of concepts, and what it does in a few words. Its options are written and read by
/// serde, and have a number of threads; with `on a device`, a device as well.
macro_rules! method {
    ($method:ident, $options:expr, $about:literal $($on_a_device:ident)*) => {
        Method {
            name: <eidos::$method as eidos::Method>::NAME,
            about: $about,
            defaults: |concepts| json(&($options)(concepts)),
            fit: |activations, wanted, control| {
                let mut options = changed(&($options)(wanted.concepts), wanted.options)?;
                options.threads = wanted.threads;
                method!(@device options, wanted, <eidos::$method as eidos::Method>::NAME $(, $on_a_device)*);
                Explainer::fit::<eidos::$method>(activations, &options, control)
            },
        }
    };
    (@device $options:ident, $wanted:ident, $name:expr, $on:ident, $a:ident, $device:ident) => {
        $options.device = $wanted.device;
    };
    (@device $options:ident, $wanted:ident, $name:expr) => {
        on_the_cpu($name, $wanted.device)?;
    };
}

/// All methods; the first one is the default.
pub const METHODS: [Method; 12] = [
    method!(Ica, eidos::IcaOptions::new, "independent components, as scikit-learn's FastICA finds them" on a device),
    method!(Pca, eidos::PcaOptions::new, "principal components, along which activations vary most" on a device),
    method!(Svd, eidos::SvdOptions::new, "singular vectors: principal components of rows that are not centred" on a device),
    method!(SparsePca, eidos::SparsePcaOptions::new, "principal components that few columns make" on a device),
    method!(KMeans, eidos::KMeansOptions::new, "groups of rows, each with its centre"),
    method!(Nmf, eidos::NmfOptions::new, "parts that add up, of rows without negative numbers"),
    method!(SemiNmf, eidos::SemiNmfOptions::new, "parts of any rows, added up and never subtracted"),
    method!(ConvexNmf, eidos::ConvexNmfOptions::new, "parts that are sums of rows, added up and never subtracted"),
    method!(DictionaryLearning, eidos::DictionaryLearningOptions::new, "few atoms for each row, out of many"),
    method!(Sae, eidos::SaeOptions::new, "a sparse autoencoder: many concepts, of which each row has few"),
    method!(Neurons, |_| eidos::NeuronsOptions::default(), "the module's own columns, a baseline"),
    method!(RandomDirections, eidos::RandomDirectionsOptions::new, "random directions, a baseline"),
];

/// Refuses a device for a method that has none.
fn on_the_cpu(method: &str, device: DeviceChoice) -> Result<()> {
    match device {
        DeviceChoice::Cpu | DeviceChoice::Auto => Ok(()),
        _ => Err(Error::argument(format!("the method `{method}` runs on the CPU alone")).hint("leave out `--device`")),
    }
}

impl Method {
    /// The method of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.name == name)
    }

    /// Finds concepts.
    ///
    /// # Errors
    /// Those of the method; [`ErrorCode::InvalidArgument`] for an option that it does not have, or a value that makes no sense.
    pub fn fit(&self, activations: &Activations, wanted: &Wanted<'_>, control: &Control) -> Result<Explainer> {
        (self.fit)(activations, wanted, control)
    }

    /// Whether somebody says how many concepts it finds.
    pub fn counts(&self) -> bool {
        (self.defaults)(1).is_ok_and(|defaults| defaults.get(COUNT).is_some())
    }

    /// The options of the method with their defaults: `tolerance=0.0001, max_iterations=200`.
    pub fn options(&self) -> String {
        let defaults = (self.defaults)(1).unwrap_or_default();
        let options = defaults.as_object().into_iter().flatten().filter(|(name, _)| *name != COUNT);
        let options: Vec<String> = options.map(|(name, value)| format!("{name}={}", plain(value))).collect();
        options.join(", ")
    }
}

/// The option that has an argument of its own.
const COUNT: &str = "concept_count";

/// A value as somebody would write it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn json(options: &impl Serialize) -> Result<Value> {
    serde_json::to_value(options).map_err(|error| Error::internal(format!("cannot write options: {error}")))
}

/// Options with some of them changed by their names.
fn changed<T: Serialize + DeserializeOwned>(options: &T, changes: &[(String, String)]) -> Result<T> {
    let mut found = json(options)?;
    let known = || -> Vec<String> {
        let names = found.as_object().into_iter().flatten().map(|(name, _)| name);
        names.filter(|name| *name != COUNT).map(|name| format!("`{name}`")).collect()
    };
    let known = known();
    for (name, text) in changes {
        let slot = found.get_mut(name).filter(|_| name != COUNT).ok_or_else(|| {
            let hint = if name == COUNT {
                "give it as `--concepts`".to_owned()
            } else if known.is_empty() {
                "it has none".to_owned()
            } else {
                format!("its options are {}", known.join(", "))
            };
            Error::argument(format!("the method has no option `{}`", crate::shown::shown(name))).hint(hint)
        })?;
        let before = std::mem::replace(slot, serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())));
        // One by one, so that an error names the option.
        if let Err(error) = T::deserialize(&found) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("the option `{name}` cannot be `{}`: {error}", crate::shown::shown(text)),
            )
            .hint(format!("its default is `{}`", plain(&before))));
        }
    }
    serde_json::from_value(found).map_err(|error| Error::internal(format!("cannot read options: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidos::{IcaOptions, Method as _, PcaOptions};

    fn change(changes: &[(&str, &str)]) -> Result<IcaOptions> {
        let changes: Vec<_> = changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        changed(&IcaOptions::new(3), &changes)
    }

    #[test]
    fn options_are_changed_by_their_names() {
        let options =
            change(&[("tolerance", "1e-8"), ("solver", "picard_o"), ("contrast", "exp"), ("seed", "7")]).unwrap();
        assert_eq!((options.tolerance, options.seed, options.concept_count), (1e-8, 7, 3));
        assert_eq!((options.solver, options.contrast), (eidos::Solver::PicardO, eidos::Contrast::Exp));
        let options = change(&[("contrast", r#"{"log_cosh": {"alpha": 1.5}}"#)]).unwrap();
        assert_eq!(options.contrast, eidos::Contrast::LogCosh { alpha: 1.5 });
    }

    #[test]
    fn what_is_no_option_is_named_with_those_there_are() {
        let error = change(&[("tolerence", "1")]).unwrap_err();
        assert!(error.message().contains("`tolerence`") && error.hint_text().contains("`tolerance`"), "{error}");
        assert!(!error.hint_text().contains(COUNT), "{error}");
        for (name, value) in [("seed", "soon"), ("solver", "newton"), ("seed", "-1"), ("algorithm", "3")] {
            let error = change(&[(name, value)]).unwrap_err();
            assert!(error.message().contains(name) && error.message().contains(value), "{error}");
        }
        assert!(change(&[(COUNT, "3")]).unwrap_err().hint_text().contains("--concepts"));
    }

    #[test]
    fn every_method_tells_its_options() {
        assert_eq!(METHODS[0].name, eidos::Ica::NAME);
        assert!(Method::named("ica").unwrap().options().contains("tolerance=0.0001"));
        assert_eq!(
            Method::named("pca").unwrap().options(),
            "whiten=false, randomised=false, power_iterations=5, seed=0"
        );
        assert!(changed(&PcaOptions::new(2), &[("whiten".to_owned(), "true".to_owned())]).unwrap().whiten);
        assert!(Method::named("none").is_none() && METHODS[0].counts());
        assert!(on_the_cpu("x", DeviceChoice::Auto).is_ok());
        assert!(on_the_cpu("x", DeviceChoice::Cuda(0)).unwrap_err().message().contains("`x`"));
    }
}
