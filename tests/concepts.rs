//! Concepts of one's own: a dictionary, and a model that the library has never heard of.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use eidos::{
    Activations, Control, Dictionary, Encoder, Error, ErrorCode, Explainer, NamedTensor, Provenance, Result, TopInputs,
};

/// Three concepts of rows of two columns.
fn dictionary() -> Dictionary {
    Dictionary {
        bias: vec![0.0, 0.5, -1.0],
        offset: vec![10.0, 20.0],
        rectified: true,
        ..Dictionary::new(vec![1.0, 0.0, 0.0, 2.0, 1.0, 1.0], vec![1.0, 0.0, 0.0, 0.5, 1.0, 1.0], 2)
    }
}

#[test]
fn a_dictionary_of_ones_own_encodes_decodes_and_is_saved() {
    let explainer = dictionary().explainer().unwrap();
    assert_eq!((explainer.method(), explainer.concept_count(), explainer.input_width()), ("dictionary", 3, 2));
    let check = |explainer: &Explainer| {
        let (mut codes, mut rows) = ([0.0; 6], [0.0; 4]);
        explainer.encode(&[11.0, 22.0, 9.0, 20.0], &mut codes).unwrap();
        assert_eq!(codes, [1.0, 1.5, 2.0, 0.0, 0.5, 0.0]);
        explainer.decode(&codes, &mut rows).unwrap();
        assert_eq!(rows, [13.0, 25.0, 10.0, 21.0]);
    };
    check(&explainer);
    assert_eq!(explainer.dictionary(), [1.0, 0.0, 0.0, 2.0, 1.0, 1.0]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dictionary.safetensors");
    explainer.save(&path).unwrap();
    let opened = Explainer::open(&path).unwrap();
    check(&opened);
    assert_eq!((opened.options(), opened.report()), (explainer.options(), explainer.report()));
    let rows = Activations::from_rows(vec![10.0, 20.0, 15.0, 20.0], 2, Some(&["quiet", "loud"])).unwrap();
    let found = TopInputs::default().interpret(&explainer, &rows, &Control::new()).unwrap();
    assert_eq!(found.concepts()[0].positive[0].text, "loud");
    assert_eq!(found.concepts()[0].positive.len(), 1);
}

#[test]
fn a_dictionary_whose_parts_do_not_fit_is_an_error_that_names_the_part() {
    let fails = |dictionary: Dictionary, code: ErrorCode, word: &str| {
        let error = dictionary.explainer().unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(word), "{error}");
    };
    fails(Dictionary { columns: 0, ..dictionary() }, ErrorCode::InvalidArgument, "0 columns");
    fails(Dictionary { columns: 4, ..dictionary() }, ErrorCode::InvalidArgument, "4 columns");
    fails(Dictionary { dictionary: Vec::new(), ..dictionary() }, ErrorCode::InvalidArgument, "dictionary");
    fails(Dictionary { encoder: vec![1.0], ..dictionary() }, ErrorCode::InvalidArgument, "encoder");
    fails(Dictionary { bias: vec![1.0], ..dictionary() }, ErrorCode::InvalidArgument, "bias");
    fails(Dictionary { offset: vec![1.0], ..dictionary() }, ErrorCode::InvalidArgument, "offset");
    fails(Dictionary { bias: vec![f32::NAN; 3], ..dictionary() }, ErrorCode::InvalidData, "bias");
}

/// A probe: how far the sum of a row lies above a threshold. There is no way back.
#[derive(Debug)]
struct Probe {
    name: &'static str,
    columns: usize,
}

impl Encoder for Probe {
    fn method(&self) -> &str {
        self.name
    }

    fn input_width(&self) -> usize {
        self.columns
    }

    fn concept_count(&self) -> usize {
        1
    }

    fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        let rows = rows.chunks_exact(self.columns);
        rows.zip(out).for_each(|(row, out)| *out = row.iter().sum::<f32>() - 1.0);
        Ok(())
    }

    fn tensors(&self) -> Vec<NamedTensor<'_>> {
        Vec::new()
    }
}

#[test]
fn a_model_of_ones_own_explains_as_those_of_the_library_do() {
    let explainer = Explainer::from_model(Probe { name: "sum", columns: 2 }, Provenance::default()).unwrap();
    let rows = Activations::from_rows(vec![1.0, 2.0, 0.0, 1.0, 4.0, 0.0], 2, Some(&["two", "none", "three"])).unwrap();
    let found = TopInputs::default().interpret(&explainer, &rows, &Control::new()).unwrap();
    let listed: Vec<&str> = found.concepts()[0].positive.iter().map(|input| input.text.as_str()).collect();
    assert_eq!(listed, ["three", "two"]);
    assert_eq!(explainer.dictionary(), [0.0; 0]);
    let error: Error = explainer.decode(&[1.0], &mut [0.0; 2]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unsupported);
    for (name, columns) in [("ica", 2), ("sum", 0)] {
        let error = Explainer::from_model(Probe { name, columns }, Provenance::default()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
    }
}
