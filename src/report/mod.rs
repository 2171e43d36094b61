//! Something to look at: what was found as one page that opens in any browser, and its figures apart.
//!
//! A page is one file without a network: its style, its script and its data are inside, and its policy (CSP) forbids all others.
//! What a model, a text or a language model wrote into it is text and never markup or script. It is useful without scripts, in the
//! dark, on paper and to a screen reader. The same input gives the same bytes.

mod facts;
mod figures;
mod geometry;
mod page;
mod parquet;
mod passages;
mod strings;
mod svg;
mod tables;

use std::path::Path;

use crate::concepts::Explainer;
use crate::control::Control;
use crate::error::Result;
use crate::files::write_atomically;
use crate::interpret::{Explanation, Interpretation};
use crate::rows::Activations;

/// What a report is about: an explainer, and what else there is.
///
/// ```
/// use eidos::{Activations, Control, Explainer, Pca, PcaOptions, Report, ReportOptions};
/// let rows = vec![3.0, 1.0, 1.0, 3.0, -2.0, 0.5, 0.0, -1.0];
/// let activations = Activations::from_rows(rows, 2, Some(&["pear", "plum", "tree", "bush"]))?;
/// let explainer = Explainer::fit::<Pca>(&activations, &PcaOptions::new(2), &Control::new())?;
/// let report = Report { activations: Some(&activations), ..Report::new(&explainer) };
/// let page = report.html(&ReportOptions::default(), &Control::new())?;
/// assert!(page.starts_with("<!doctype html>") && page.contains("‘plum’"));
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The concepts.
    pub explainer: &'a Explainer,
    /// What the concepts mean. A report has the concepts of its interpretation, or all where there is none; then it lists the inputs
    /// itself, among the activations.
    pub interpretation: Option<&'a Interpretation>,
    /// The rows that passages are taken from, and texts where there is no explanation. Without rows that were collected from texts
    /// a report has neither.
    pub activations: Option<&'a Activations>,
    /// The texts, with the concepts that fire in them. Without one the first texts of the activations are explained.
    pub explanation: Option<&'a Explanation>,
}

/// How much a report says. With the defaults 1,000 concepts take less than 2 MB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportOptions {
    /// The title; `None` names the model and the module.
    pub title: Option<String>,
    /// How many inputs are listed for each pole of a concept.
    pub inputs: usize,
    /// How many passages are shown for each pole of a concept, each from another text.
    pub passages: usize,
    /// How many units a passage has on each side of its strongest one, about 220 bytes of text at most.
    pub context: usize,
    /// How many of the nearest concepts are listed for a concept.
    pub neighbours: usize,
    /// How many texts are shown with what fires on their units, the first ones.
    pub texts: usize,
    /// How many concepts are shown where scripts do not run, and on paper: the strongest ones.
    pub concepts_without_scripts: usize,
    /// How many threads work; 0 means one per core. The result does not depend on it.
    pub threads: usize,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            title: None,
            inputs: 6,
            passages: 3,
            context: 6,
            neighbours: 5,
            texts: 20,
            concepts_without_scripts: 20,
            threads: 0,
        }
    }
}

impl<'a> Report<'a> {
    /// A report on the concepts alone.
    pub fn new(explainer: &'a Explainer) -> Self {
        Self { explainer, interpretation: None, activations: None, explanation: None }
    }

    /// The report as one HTML page.
    ///
    /// Time: a pass over the activations, and another over the rows of passages; the cosines of all concepts with all others, which for
    /// 16,384 concepts of 768 columns is some seconds. Memory: the page twice, the directions of the concepts, and for each concept a
    /// few kilobytes; activations are read in tiles.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Mismatch`] when the interpretation or the activations are not of the explainer;
    /// [`crate::ErrorCode::InvalidData`] naming the first row with a concept that is not finite; [`crate::ErrorCode::OutOfMemory`];
    /// [`crate::ErrorCode::Cancelled`].
    pub fn html(&self, options: &ReportOptions, control: &Control) -> Result<String> {
        let facts = self.facts(options, control)?;
        page::write(self, &facts, options)
    }

    /// Writes the report to an HTML file, whole or not at all.
    ///
    /// # Errors
    /// Those of [`Report::html`]; [`crate::ErrorCode::NotFound`] when there is no such folder, [`crate::ErrorCode::Io`] when the
    /// system refuses.
    pub fn save_html(&self, path: &Path, options: &ReportOptions, control: &Control) -> Result<()> {
        let page = self.html(options, control)?;
        write_atomically(path, |writer| writer.write_all(page.as_bytes()))
    }
}
