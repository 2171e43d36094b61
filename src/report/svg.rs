//! Figures as SVG, which a page has inside. They have classes and no colours: the style of the page gives those.

use std::fmt::Write;

use super::facts::{Facts, Histogram};
use super::strings::{count, for_people};

/// The size of a histogram, in pixels.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 72.0;
/// The size of a map, and the margin around its points.
const MAP: f64 = 640.0;
const MARGIN: f64 = 22.0;
/// The most concepts whose points have their numbers beside them.
pub(super) const MOST_NAMED: usize = 60;

/// A histogram whose bars are as high as the logarithm of their counts.
pub(super) fn histogram(histogram: &Histogram) -> String {
    let most = histogram.counts.iter().copied().max().unwrap_or(0);
    let width = WIDTH / histogram.counts.len().max(1) as f64;
    let step = (histogram.high - histogram.low) / histogram.counts.len().max(1) as f64;
    let mut paths = [String::new(), String::new()];
    for (bar, &rows) in histogram.counts.iter().enumerate().filter(|(_, rows)| **rows > 0) {
        let height = HEIGHT * (rows as f64 + 1.0).ln() / (most as f64 + 1.0).ln();
        let is_positive = histogram.low + (bar as f64 + 0.5) * step >= 0.0;
        let x = bar as f64 * width;
        // Writing to a string does not fail.
        write!(paths[usize::from(is_positive)], "M{x:.1} {HEIGHT}v-{height:.1}h{:.1}v{height:.1}z", width - 1.0).ok();
    }
    let [negative, positive] = paths;
    let zero = zero_line(histogram);
    let total: u64 = histogram.counts.iter().sum();
    format!(
        "<svg class=\"hist\" viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"Histogram of activations from {} to {}, {} rows\">\
         <path class=\"n\" d=\"{negative}\"/><path class=\"p\" d=\"{positive}\"/>{zero}\
         <text x=\"0\" y=\"{:.0}\">{}</text><text x=\"{WIDTH}\" y=\"{:.0}\" text-anchor=\"end\">{}</text></svg>",
        HEIGHT + 16.0,
        for_people(histogram.low),
        for_people(histogram.high),
        count(total),
        HEIGHT + 13.0,
        for_people(histogram.low),
        HEIGHT + 13.0,
        for_people(histogram.high),
    )
}

fn zero_line(histogram: &Histogram) -> String {
    if histogram.low >= 0.0 || histogram.high <= 0.0 {
        return String::new();
    }
    let x = WIDTH * -histogram.low / (histogram.high - histogram.low);
    let y = HEIGHT + 13.0;
    format!(
        "<path class=\"axis\" d=\"M{x:.1} 0V{HEIGHT}\"/><text x=\"{x:.1}\" y=\"{y:.0}\" text-anchor=\"middle\">0</text>"
    )
}

/// A map of the concepts: a point for each, along the two principal axes of their directions. Empty where there is none.
pub(super) fn map(facts: &Facts) -> String {
    let points = || facts.concepts.iter().filter_map(|concept| concept.at);
    let most = points().flatten().fold(0.0_f64, |most, value| most.max(value.abs()));
    if most == 0.0 {
        return String::new();
    }
    let scale = (MAP / 2.0 - MARGIN) / most;
    let middle = MAP / 2.0;
    let mut path = String::new();
    for [x, y] in points() {
        // A line of no length with round ends is a point, and takes a third of the bytes of a circle.
        write!(path, "M{:.0} {:.0}h0", middle + x * scale, middle - y * scale).ok();
    }
    let total = points().count();
    let mut names = String::new();
    if total <= MOST_NAMED {
        for (concept, [x, y]) in facts.concepts.iter().filter_map(|concept| Some((concept.concept, concept.at?))) {
            let (x, y) = (middle + x * scale, middle - y * scale - 8.0);
            write!(names, "<text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"middle\">{concept}</text>").ok();
        }
    }
    let size = if total > 5000 {
        "s"
    } else if total > 500 {
        "m"
    } else {
        "l"
    };
    let shown = count(total as u64);
    format!(
        "<svg id=\"mapfig\" class=\"map {size}\" viewBox=\"0 0 {MAP} {MAP}\" data-scale=\"{scale:.3}\" role=\"img\" \
         aria-label=\"Map of {shown} concepts\"><path class=\"axis\" d=\"M0 {middle}H{MAP}M{middle} 0V{MAP}\"/>\
         <path class=\"dots\" d=\"{path}\"/>{names}</svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_the_logarithm_of_their_counts() {
        let signed = histogram(&Histogram { low: -1.0, high: 1.0, counts: vec![99, 0, 9, 1] });
        assert!(signed.contains("<path class=\"n\" d=\"M0.0 72v-72.0h79.0v72.0z\"/>"), "{signed}");
        assert!(signed.contains("M160.0 72v-36.0h79.0v36.0z") && signed.contains("M240.0 72v-10.8h79.0v10.8z"));
        assert!(signed.contains("from −1.00 to 1.00, 109 rows") && signed.contains("d=\"M160.0 0V72\""));
        let positive = histogram(&Histogram { low: 0.0, high: 2.0, counts: vec![1, 1] });
        assert!(!positive.contains("axis") && positive.contains("<path class=\"n\" d=\"\"/>"));
    }
}
