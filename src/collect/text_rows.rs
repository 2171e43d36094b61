//! Rows that are made when they are read: the model runs over the texts that they are of, each time anew.

use std::ops::Range;
use std::sync::Arc;

use super::activations::{InputSource, no_texts};
use super::options::CollectOptions;
use super::run::{Failure, NotFinite, Run, Window};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::model::{PassOptions, SplitModel};
use crate::rows::{About, Provenance, Rows, TILE_ROWS, check_range};
use crate::text::{EncodedTexts, Granularity, PackedTokens};

/// How many rows are made at a time, and those of one text at least.
const ROWS_AT_A_TIME: usize = 8192;

/// The rows of texts at a split point, which nobody keeps: whoever reads some of them lets the model run over their texts. They
/// have the same bits as those of [`SplitModel::activations`], and are made by [`SplitModel::text_rows`].
///
/// A training that reads rows in passes takes what a pass of the model takes each time, and memory for the tokens alone: 36 bytes a
/// unit and 20 bytes a token.
#[derive(Debug)]
pub struct TextRows<'a> {
    model: &'a SplitModel,
    encoded: Arc<EncodedTexts>,
    split_point: usize,
    options: CollectOptions,
    /// Those of each split point of the model.
    provenances: Arc<[Provenance]>,
    control: Control,
}

/// Some rows of a text, and the row of what is read that the first of them becomes.
struct Piece {
    text: usize,
    rows: Range<usize>,
    to: usize,
}

impl SplitModel {
    /// The rows of inputs at the split point of that number, which are made when they are read. Reading them ends with
    /// [`crate::ErrorCode::Cancelled`] where `control` was cancelled.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for a split point that is not there, no texts, or options that name a folder or the
    /// memory of a device, where such rows never are; those of [`SplitModel::activations`].
    ///
    /// ```
    /// # #[cfg(feature = "demo-model")] {
    /// use eidos::{CollectOptions, Control, Explainer, LoadOptions, Pca, PcaOptions, SplitModel};
    /// let control = Control::new();
    /// let model = SplitModel::load("eidos:demo", &["1"], &LoadOptions::default(), &control)?;
    /// let rows = model.text_rows(&["a warm and funny film", "dull"], 0, &CollectOptions::default(), &control)?;
    /// let explainer = Explainer::fit_rows::<Pca>(&rows, rows.provenance().clone(), &PcaOptions::new(3), &control)?;
    /// assert_eq!(explainer.concept_count(), 3);
    /// # }
    /// # Ok::<(), eidos::Error>(())
    /// ```
    pub fn text_rows(
        &self,
        inputs: &(impl InputSource + ?Sized),
        split_point: usize,
        options: &CollectOptions,
        control: &Control,
    ) -> Result<TextRows<'_>> {
        self.check_collecting(options)?;
        if options.folder.is_some() || options.keep_on_device {
            return Err(Error::argument("rows that are made when they are read stay nowhere")
                .hint("leave out the folder and `keep_on_device`, or collect the activations first"));
        }
        self.check_split_point(split_point)?;
        let inputs = inputs.inputs(self, options.threads, control)?;
        let mut options = options.clone();
        options.check_inputs(&inputs, self)?;
        if inputs.has_ids_alone() {
            options.granularity = Granularity::AllTokens;
        }
        let encoded =
            self.tokenizer_of_ids()?.cut_on(&self.workers, &inputs, options.units(), options.threads, control)?;
        if encoded.unit_count() == 0 {
            return Err(no_texts());
        }
        let abouts = self.abouts(&options, |provenance| Ok(About { provenance, ..About::default() }))?;
        let provenances = abouts.into_iter().map(|about| about.provenance).collect();
        let (encoded, control) = (Arc::new(encoded), control.clone());
        let rows = TextRows { model: self, encoded, split_point, options, provenances, control };
        rows.with_run(1, |run| {
            run.log_truncated(rows.encoded.truncated_count(), rows.encoded.text_count(), &rows.control);
            Run::log_left_out(rows.encoded.left_out(), &rows.control);
        });
        Ok(rows)
    }

    fn check_split_point(&self, split_point: usize) -> Result<()> {
        let count = self.split_points().len();
        if split_point < count {
            return Ok(());
        }
        Err(Error::argument(format!("there is no split point {split_point}: the model has {count}"))
            .hint("give the number of a split point, from 0 on"))
    }
}

impl<'a> TextRows<'a> {
    /// The rows of the same units at another split point of the model, such as those that a transcoder is to give. They share the texts;
    /// the model runs anew for them.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for a split point that is not there.
    pub fn at(&self, split_point: usize) -> Result<TextRows<'a>> {
        self.model.check_split_point(split_point)?;
        let (encoded, provenances) = (Arc::clone(&self.encoded), Arc::clone(&self.provenances));
        let (options, control) = (self.options.clone(), self.control.clone());
        Ok(TextRows { model: self.model, encoded, split_point, options, provenances, control })
    }
}

impl TextRows<'_> {
    /// The model, module and units that the rows are made with.
    pub fn provenance(&self) -> &Provenance {
        &self.provenances[self.split_point]
    }

    fn with_run<T>(&self, threads: usize, work: impl FnOnce(&Run<'_>) -> T) -> T {
        let options = CollectOptions { threads, ..self.options.clone() };
        let forward = |encoded: &EncodedTexts, batch: &[usize], pass: PassOptions<'_>| {
            let mut outputs = self.model.forward_under(&encoded.sequences(batch), pass, Vec::new())?;
            Ok(vec![outputs.swap_remove(self.split_point)])
        };
        let matrix = self.model.matrices().swap_remove(self.split_point);
        work(&Run::new(self.model, &options, &forward, vec![matrix]))
    }

    /// The parts of texts that ranges of rows are made of.
    fn pieces(&self, ranges: &[Range<usize>]) -> Vec<Piece> {
        let (mut pieces, mut to) = (Vec::new(), 0);
        for range in ranges {
            let mut next = range.start;
            while next < range.end {
                // Texts without units begin where the next one does.
                let text = self.encoded.text_units.partition_point(|&start| start <= next) - 1;
                let end = self.encoded.units_of(text).end.min(range.end);
                pieces.push(Piece { text, rows: next..end, to });
                to += end - next;
                next = end;
            }
        }
        pieces
    }

    /// Makes the rows of some pieces, which are in the order of their texts.
    fn make(&self, run: &Run<'_>, pieces: &[Piece], out: &mut [f32]) -> Result<()> {
        let columns = self.column_count();
        let mut texts: Vec<usize> = pieces.iter().map(|piece| piece.text).collect();
        texts.dedup();
        let some = some_of(&self.encoded, &texts);
        let window = Window { encoded: &some, texts: 0..texts.len(), before: (0, 0) };
        let made = run.window(&window, &self.control, &mut |_| self.control.check());
        let made = made.map_err(|failure| self.named(failure, &some, &texts))?;
        let values = made.first().ok_or_else(|| Error::internal("the model gave no rows"))?;
        let mut place = 0;
        for piece in pieces {
            while texts[place] != piece.text {
                place += 1;
            }
            let skipped = piece.rows.start - self.encoded.units_of(piece.text).start;
            let first = some.units_of(place).start + skipped;
            let from = &values[first * columns..][..piece.rows.len() * columns];
            out[piece.to * columns..][..from.len()].copy_from_slice(from);
        }
        Ok(())
    }

    /// The error of a failure, which counts the texts and units of `some`, by the numbers that they have among all.
    fn named(&self, failure: Failure, some: &EncodedTexts, texts: &[usize]) -> Error {
        let failure = match failure {
            Failure::NotFinite(found) => {
                let text = texts[found.text];
                let unit = self.encoded.units_of(text).start + found.unit - some.units_of(found.text).start;
                Failure::NotFinite(NotFinite { text, unit, ..found })
            }
            other @ Failure::Other(_) => other,
        };
        failure.named(|unit| self.encoded.units.string(unit).to_owned())
    }
}

impl Rows for TextRows<'_> {
    fn row_count(&self) -> usize {
        self.encoded.unit_count()
    }

    fn column_count(&self) -> usize {
        self.model.split_points()[self.split_point].width
    }

    /// None: a call that cannot fail cannot run a model.
    fn run(&self, _: usize) -> &[f32] {
        &[]
    }

    fn tile<'a>(&'a self, first: usize, count: usize, scratch: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        let end = first.saturating_add(count);
        scratch.clear();
        scratch.resize(if end > self.row_count() { 0 } else { count * self.column_count() }, 0.0);
        let range = first..end;
        self.gather(std::slice::from_ref(&range), scratch)?;
        Ok(scratch)
    }

    /// Makes the rows of texts of many ranges together, and each text once where the ranges ascend.
    fn gather(&self, ranges: &[Range<usize>], out: &mut [f32]) -> Result<()> {
        for range in ranges {
            check_range(self.row_count(), range.start, range.len())?;
        }
        let pieces = self.pieces(ranges);
        // Who reads tiles reads several at the same time, each on a thread.
        let is_tile = ranges.iter().map(Range::len).sum::<usize>() <= TILE_ROWS;
        self.with_run(if is_tile { 1 } else { self.options.threads }, |run| {
            let mut rest = &pieces[..];
            while let Some(first) = rest.first() {
                let (mut text, mut rows, mut count) = (first.text, self.encoded.units_of(first.text).len(), 0);
                for piece in rest {
                    if piece.text != text {
                        rows += self.encoded.units_of(piece.text).len();
                        if rows > ROWS_AT_A_TIME || piece.text < text {
                            break;
                        }
                        text = piece.text;
                    }
                    count += 1;
                }
                let (some, others) = rest.split_at(count);
                self.make(run, some, out)?;
                rest = others;
            }
            Ok(())
        })
    }
}

/// Some texts, but for what their units are called and where they stand.
fn some_of(all: &EncodedTexts, texts: &[usize]) -> EncodedTexts {
    let (mut some, mut tokens) = (EncodedTexts::default(), PackedTokens::default());
    for &text in texts {
        tokens.push_ids(all.ids(text));
        for unit in all.units_of(text) {
            some.positions.extend_from_slice(all.positions(unit));
            some.unit_starts.push(some.positions.len());
        }
        some.text_units.push(some.unit_starts.len() - 1);
    }
    some.tokens = Arc::new(tokens);
    some
}

#[cfg(all(test, feature = "demo-model"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::concepts::{Explainer, Sae, SaeOptions};
    use crate::control::Stage;
    use crate::error::ErrorCode;
    use crate::model::LoadOptions;
    use crate::rows::Activations;

    const TEXTS: [&str; 9] = [
        "a warm and funny film",
        "",
        "dull",
        "the plot goes nowhere, and takes its time",
        "a warm and funny film",
        "",
        "one of the best films of the year",
        "it is not a good film, but a long one",
        "dull film",
    ];

    fn demo(splits: &[&str]) -> SplitModel {
        SplitModel::load("eidos:demo", splits, &LoadOptions::default(), &Control::new()).unwrap()
    }

    fn collected(model: &SplitModel, texts: &[&str]) -> Vec<Activations> {
        model.activations(texts, &CollectOptions::default(), &Control::new()).unwrap()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn rows_that_are_made_when_they_are_read_have_the_bits_of_those_that_were_collected() {
        let model = demo(&["0", "1"]);
        let all = collected(&model, &TEXTS);
        for (split_point, collected) in all.iter().enumerate() {
            let rows = model.text_rows(&TEXTS[..], split_point, &CollectOptions::default(), &Control::new()).unwrap();
            assert_eq!(rows.provenance(), collected.provenance());
            let (count, columns) = (rows.row_count(), rows.column_count());
            assert_eq!((count, columns), (collected.row_count(), collected.column_count()));
            let whole = collected.rows(0, count).unwrap();
            let mut scratch = Vec::new();
            for (first, some) in [(0, count), (0, 1), (3, 7), (count - 1, 1), (5, 0)] {
                let tile = rows.tile(first, some, &mut scratch).unwrap();
                assert_eq!(bits(tile), bits(&whole[first * columns..][..some * columns]), "{some} from {first}");
            }
            // Two ranges within one text, and one that comes before them.
            let ranges = [1..3, 4..9, count - 2..count, 0..6];
            let mut out = vec![0.0; ranges.iter().map(Range::len).sum::<usize>() * columns];
            rows.gather(&ranges, &mut out).unwrap();
            let wanted: Vec<f32> =
                ranges.iter().flat_map(|range| &whole[range.start * columns..range.end * columns]).copied().collect();
            assert_eq!(bits(&out), bits(&wanted));
            assert!(rows.tile(count, 1, &mut scratch).is_err() && rows.tile(usize::MAX, 2, &mut scratch).is_err());
        }
    }

    #[test]
    fn a_training_from_texts_ends_with_the_bits_of_one_from_activations_and_can_be_cancelled_and_goes_on() {
        let model = demo(&["1"]);
        // Enough rows for several windows, which are made anew in each pass.
        let texts: Vec<String> =
            (0..60).map(|text| format!("{} number {text}", TEXTS[text % 9])).filter(|text| text.len() > 9).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let activations = collected(&model, &texts).swap_remove(0);
        let rows = model.text_rows(&texts[..], 0, &CollectOptions::default(), &Control::new()).unwrap();
        let options = SaeOptions { k: 4, steps: 60, batch_rows: 32, shuffled_rows: 128, ..SaeOptions::new(64) };
        let tensors = |explainer: &Explainer| {
            let mut all = Vec::new();
            explainer.for_each_tensor(&mut |name, bytes| all.push((name.to_owned(), bytes.to_vec())));
            (all, explainer.report().clone(), explainer.provenance().clone())
        };
        let wanted = tensors(&Explainer::fit::<Sae>(&activations, &options, &Control::new()).unwrap());
        let fit = |rows: &TextRows<'_>, options: &SaeOptions, control: &Control| {
            Explainer::fit_rows::<Sae>(rows, rows.provenance().clone(), options, control)
        };
        assert!(tensors(&fit(&rows, &options, &Control::new()).unwrap()) == wanted);

        let folder = tempfile::tempdir().unwrap();
        let checkpoint = Some(folder.path().join("training.safetensors"));
        let options = SaeOptions { checkpoint, checkpoint_every: 7, ..options };
        let control = Control::cancelled_at(Stage::Fit, 20);
        let cancelled = model.text_rows(&texts[..], 0, &CollectOptions::default(), &control).unwrap();
        assert_eq!(fit(&cancelled, &options, &control).unwrap_err().code(), ErrorCode::Cancelled);
        assert_eq!(cancelled.tile(0, 1, &mut Vec::new()).unwrap_err().code(), ErrorCode::Cancelled);
        assert!(tensors(&fit(&rows, &options, &Control::new()).unwrap()) == wanted);
    }

    #[test]
    fn a_transcoder_from_texts_has_the_bits_of_one_from_activations() {
        let model = demo(&["0", "1"]);
        let texts: Vec<String> = (0..60).map(|text| format!("{} number {text}", TEXTS[text % 9])).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let [inputs, outputs]: [Activations; 2] = collected(&model, &texts).try_into().unwrap();
        let options = SaeOptions { k: 4, steps: 60, batch_rows: 32, shuffled_rows: 128, ..SaeOptions::new(64) };
        let control = Control::new();
        let rows = model.text_rows(&texts[..], 0, &CollectOptions::default(), &control).unwrap();
        let targets = rows.at(1).unwrap();
        let provenances = [rows.provenance().clone(), targets.provenance().clone()];
        let found = Sae::transcoder_rows(&rows, &targets, provenances, &options, &control).unwrap();
        let wanted = Sae::transcoder(&inputs, &outputs, &options, &control).unwrap();
        let tensors = |explainer: &Explainer| {
            let mut all = Vec::new();
            explainer.for_each_tensor(&mut |name, bytes| all.push((name.to_owned(), bytes.to_vec())));
            (all, explainer.report().clone(), explainer.provenance().clone(), explainer.options().clone())
        };
        assert!(tensors(&found) == tensors(&wanted) && found.is_transcoder());
        let error = rows.at(2).unwrap_err();
        assert_eq!(error.message(), "there is no split point 2: the model has 2");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let model = demo(&["1"]);
        let error = |texts: &[&str], split_point, options: CollectOptions| {
            let error = model.text_rows(texts, split_point, &options, &Control::new()).unwrap_err();
            assert!(!error.hint_text().is_empty());
            (error.code(), error.message().to_owned())
        };
        let argument = |message: &str| (ErrorCode::InvalidArgument, message.to_owned());
        let plain = CollectOptions::default;
        assert_eq!(error(&TEXTS, 1, plain()), argument("there is no split point 1: the model has 1"));
        assert_eq!(error(&[], 0, plain()), argument("no texts were given"));
        assert_eq!(error(&["", ""], 0, plain()), argument("no texts were given"));
        let kept = CollectOptions { folder: Some("rows".into()), ..plain() };
        assert_eq!(error(&TEXTS, 0, kept), argument("rows that are made when they are read stay nowhere"));
    }
}
