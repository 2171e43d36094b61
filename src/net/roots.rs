//! The certificate authorities that connections trust.
//!
//! A company's proxy opens encrypted connections with a certificate authority of its own, which only its machines know. It
//! is in the system's store, or in a file that one of the variables of other programs names.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};
use ureq::tls::{Certificate, RootCerts};

use super::Origin;
use crate::error::{Error, ErrorCode, Result};

/// The variables that name files or folders of certificates, which are then trusted in place of the system's: those of
/// OpenSSL, of Python's requests and of curl.
const VARIABLES: [&str; 4] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// The certificate authorities that connections trust.
#[derive(Debug, Clone)]
pub(crate) struct Roots {
    certificates: RootCerts,
    /// Where they come from, for messages.
    source: String,
}

impl Roots {
    /// The authorities to trust for an address: those that the environment names, else the system's, else those that are
    /// compiled in.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] or [`ErrorCode::InvalidFile`] naming the variable whose file is not there or holds no
    /// certificate, where the address is encrypted.
    pub(crate) fn of_environment(origin: &Origin) -> Result<Self> {
        let roots = Self::complete(&|name| std::env::var_os(name));
        if origin.is_secure() { roots } else { Ok(roots.unwrap_or_else(|_| Self::compiled_in())) }
    }

    fn complete(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self> {
        let mut certificates = Vec::new();
        let mut sources = Vec::new();
        for name in VARIABLES {
            let Some(value) = variable(name).filter(|value| !value.is_empty()) else { continue };
            // Only the variable of folders may name several.
            let paths: Vec<PathBuf> = match name {
                "SSL_CERT_DIR" => std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect(),
                _ => vec![PathBuf::from(&value)],
            };
            let mut found = Vec::new();
            for path in &paths {
                found.extend(read(path, name)?);
            }
            if found.is_empty() {
                return Err(none_in(&paths, name));
            }
            certificates.extend(found);
            sources.push(name);
        }
        if !certificates.is_empty() {
            return Ok(Self::new(certificates, format!("those of {}", sources.join(" and "))));
        }
        // Some of the system's may be damaged, which is no reason to trust none.
        let system = to_owned(&load_native_certs());
        if system.is_empty() {
            Ok(Self::compiled_in())
        } else {
            Ok(Self::new(system, "those of the system".to_owned()))
        }
    }

    fn new(certificates: Vec<Certificate<'static>>, source: String) -> Self {
        Self { certificates: RootCerts::Specific(Arc::new(certificates)), source }
    }

    fn compiled_in() -> Self {
        Self { certificates: RootCerts::WebPki, source: "those compiled in, since the system has none".to_owned() }
    }

    /// As a connection takes them.
    pub(super) fn certificates(&self) -> RootCerts {
        self.certificates.clone()
    }

    /// What to do where a server's certificate is not trusted.
    pub(crate) fn hint(&self) -> String {
        format!(
            "a company's proxy may stand in between: name the file of its certificate authority in SSL_CERT_FILE (or a folder in \
             SSL_CERT_DIR; REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE are read as well), or add it to the system's; trusted \
             are {}",
            self.source
        )
    }
}

/// The certificates of a file or folder that a variable names.
fn read(path: &Path, variable: &str) -> Result<Vec<Certificate<'static>>> {
    let loaded =
        if path.is_dir() { load_certs_from_paths(None, Some(path)) } else { load_certs_from_paths(Some(path), None) };
    // In a folder there may be other files.
    if let Some(error) = loaded.errors.first().filter(|_| loaded.certs.is_empty() && !path.is_dir()) {
        let shown = path.display();
        let code = if path.exists() { ErrorCode::InvalidFile } else { ErrorCode::NotFound };
        return Err(Error::new(
            code,
            format!("{variable} names `{shown}`, whose certificates cannot be read: {error}"),
        )
        .hint(format!("set {variable} to a file of certificates in PEM form, or unset it"))
        .detail("variable", variable)
        .detail("path", shown));
    }
    Ok(to_owned(&loaded))
}

fn none_in(paths: &[PathBuf], variable: &str) -> Error {
    let shown: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    Error::new(
        ErrorCode::InvalidFile,
        format!("{variable} names {}, without a certificate in PEM form", shown.join(", ")),
    )
    .hint(format!("set {variable} to certificates in PEM form, or unset it"))
    .detail("variable", variable)
}

fn to_owned(loaded: &CertificateResult) -> Vec<Certificate<'static>> {
    loaded.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/tls/authority.pem");

    fn complete(variables: &[(&str, &str)]) -> Result<Roots> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        Roots::complete(&find)
    }

    #[test]
    fn what_a_variable_names_is_trusted_alone() {
        let folder = Path::new(AUTHORITY).parent().unwrap().to_str().unwrap();
        for (name, value) in [
            ("SSL_CERT_FILE", AUTHORITY),
            ("REQUESTS_CA_BUNDLE", AUTHORITY),
            ("CURL_CA_BUNDLE", folder),
            ("SSL_CERT_DIR", folder),
        ] {
            let roots = complete(&[(name, value)]).unwrap();
            assert!(roots.hint().ends_with(&format!("trusted are those of {name}")), "{}", roots.hint());
            let RootCerts::Specific(found) = roots.certificates() else { panic!("{name}") };
            // The folder has the server's certificate as well.
            assert_eq!(found.len(), if value == folder { 2 } else { 1 }, "{name}");
        }
        let both = complete(&[("SSL_CERT_FILE", AUTHORITY), ("CURL_CA_BUNDLE", AUTHORITY)]).unwrap();
        assert!(both.hint().contains("SSL_CERT_FILE and CURL_CA_BUNDLE"));
        assert!(!complete(&[("SSL_CERT_FILE", "")]).unwrap().hint().contains("those of SSL_CERT_FILE"));
    }

    #[test]
    fn a_variable_that_names_no_certificates_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "no certificate").unwrap();
        let (empty, folder) = (empty.to_str().unwrap(), folder.path().to_str().unwrap());
        for name in VARIABLES {
            for value in ["/no/such/file.pem", empty, folder] {
                let error = complete(&[(name, value)]).unwrap_err();
                assert!([ErrorCode::NotFound, ErrorCode::InvalidFile].contains(&error.code()), "{error}");
                assert!(error.message().contains(name) && error.message().contains(value), "{error}");
            }
        }
        let origin = Origin::of("http://localhost").unwrap();
        assert!(Roots::of_environment(&origin).is_ok());
    }
}
