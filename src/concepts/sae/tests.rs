//! Sparse autoencoders give the codes that were computed by hand, keep them in files, and refuse what makes no sense.

use serde_json::json;

use super::activation::Largest;
use super::*;
use crate::concepts::{Codes, Encoder, Explainer, RowCodes};
use crate::error::ErrorCode;
use crate::linalg::RandomState;

/// The dictionary and biases of Appendix A of the semantics: pre-activations [1 .9 2.1] and [-1 .5 4.1].
const ENCODER: [f32; 6] = [1.0, 0.0, 0.6, 0.8, 0.0, 2.0];
const BIAS: [f32; 3] = [0.0, -0.5, 0.1];
const DICTIONARY: [f32; 6] = [1.0, 0.0, 0.6, 0.8, 0.0, 1.0];
const ROWS: [f32; 4] = [1.0, 1.0, -1.0, 2.0];

fn parts(activation: SaeActivation) -> AutoencoderParts {
    let bias = if matches!(activation, SaeActivation::MatchingPursuit { .. }) { Vec::new() } else { BIAS.to_vec() };
    AutoencoderParts { bias, ..AutoencoderParts::new(ENCODER.to_vec(), DICTIONARY.to_vec(), 2, activation) }
}

fn codes(parts: AutoencoderParts, rows: &[f32]) -> Vec<f32> {
    let explainer = parts.explainer().unwrap();
    let mut codes = vec![0.0; rows.len() / explainer.input_width() * explainer.concept_count()];
    explainer.encode(rows, &mut codes).unwrap();
    codes
}

#[track_caller]
fn assert_near(found: &[f32], wanted: &[f32]) {
    assert_eq!(found.len(), wanted.len());
    // The numbers are exact to a rounding or two.
    assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 2e-6), "{found:?} instead of {wanted:?}");
}

#[test]
fn each_activation_gives_the_codes_computed_by_hand() {
    let jump = |strict| SaeActivation::JumpRelu { thresholds: vec![1.0, 0.6, 0.0], strict };
    let pursuit = |least_residual| SaeActivation::MatchingPursuit { steps: 2, least_residual, stops_on_repeat: false };
    let gated = SaeActivation::Gated { magnitude_scale: vec![2.0, 1.0, 0.5], magnitude_bias: vec![0.5, 0.0, -3.0] };
    let cases = [
        (SaeActivation::Relu, [1.0, 0.9, 2.1, 0.0, 0.5, 4.1]),
        (SaeActivation::TopK { k: 1, signed: false }, [0.0, 0.0, 2.1, 0.0, 0.0, 4.1]),
        (SaeActivation::TopK { k: 3, signed: false }, [1.0, 0.9, 2.1, 0.0, 0.5, 4.1]),
        (SaeActivation::TopK { k: 2, signed: true }, [1.0, 0.0, 2.1, -1.0, 0.0, 4.1]),
        (jump(true), [0.0, 0.9, 2.1, 0.0, 0.0, 4.1]),
        (jump(false), [1.0, 0.9, 2.1, 0.0, 0.0, 4.1]),
        // Magnitudes: 2 * 1 + .5, 1.4, .5 * 2 - 3; the gates of the second row: -1, .5, 4.1.
        (gated, [2.5, 1.4, 0.0, 0.0, 1.0, 0.0]),
        (SaeActivation::GroupMax { groups: 1 }, [0.0, 0.0, 2.1, 0.0, 0.0, 4.1]),
        (SaeActivation::GroupMax { groups: 3 }, [1.0, 0.9, 2.1, 0.0, 0.5, 4.1]),
    ];
    for (activation, wanted) in cases {
        assert_near(&codes(parts(activation), &ROWS), &wanted);
    }
    // Matching pursuit reads the dictionary: codes and a residual of norm .12 after the second step of the first row.
    let tied = |activation| AutoencoderParts { encoder: Vec::new(), ..parts(activation) };
    assert_near(&codes(tied(pursuit(0.0)), &ROWS), &[0.16, 1.4, 0.0, 0.0, 0.0, 2.0]);
    // The rest of the first row has the norm .2 after one step.
    assert_near(&codes(tied(pursuit(0.3)), &ROWS), &[0.0, 1.4, 0.0, 0.0, 0.0, 2.0]);
}

#[test]
fn a_row_is_reconstructed_from_its_codes_and_brought_back_to_its_scale() {
    let offsets = |parts| AutoencoderParts { offset: vec![0.5, -0.5], output_offset: vec![1.0, 2.0], ..parts };
    let reconstruct = |parts: AutoencoderParts, rows: &[f32]| {
        let explainer = parts.explainer().unwrap();
        let mut out = vec![0.0; rows.len() / explainer.input_width() * explainer.output_width()];
        explainer.reconstruct(rows, &mut out).unwrap();
        out
    };
    // Decoded by hand: [1 .9 2.1] and [0 .5 4.1].
    assert_near(&reconstruct(parts(SaeActivation::Relu), &ROWS), &[1.54, 2.82, 0.3, 4.5]);
    // Row [.5 1.5]: [.5 1 3.1], decoded [1.1 3.9].
    assert_near(&reconstruct(offsets(parts(SaeActivation::Relu)), &ROWS[..2]), &[2.1, 5.9]);

    // [3 4] has the norm 5, and becomes [.6 .8] sqrt 2: pre-activations [.8485 .9142 2.3627], codes decoded to
    // [1.397 3.0941], and back times 5 / sqrt 2.
    let normalised = |normalisation| AutoencoderParts { normalisation, ..parts(SaeActivation::Relu) };
    let (r, s) = (2.0_f32.sqrt(), 5.0 / 2.0_f32.sqrt());
    let [a, b, c] = [0.6 * r, r - 0.5, 1.6 * r + 0.1];
    let wanted = [(a + 0.6 * b) * s, (0.8 * b + c) * s];
    let found = reconstruct(normalised(InputNormalisation::ConstantNorm), &[3.0, 4.0]);
    assert!(found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-5), "{found:?} {wanted:?}");
    assert_eq!(reconstruct(normalised(InputNormalisation::ConstantNorm), &[0.0, 0.0]), [0.0, 0.0]);

    // [1 3] has the mean 2 and the deviation sqrt 2; divided by it and 1e-5, -.70710 and .70710.
    let found = reconstruct(normalised(InputNormalisation::LayerNorm), &[1.0, 3.0]);
    let v = 1.0 / (2.0_f32.sqrt() + 1e-5);
    let (b, c) = ((0.2 * v - 0.5).max(0.0), 2.0 * v + 0.1);
    assert_near(&found, &[0.6 * b * r + 2.0, (0.8 * b + c) * r + 2.0]);

    // Codes alone do not say how large the row was, and the dictionary adds to a row in its scale.
    let explainer = normalised(InputNormalisation::ConstantNorm).explainer().unwrap();
    let error = explainer.decode(&[0.0; 3], &mut [0.0; 2]).unwrap_err();
    assert_eq!(
        (error.code(), error.hint_text()),
        (ErrorCode::Unsupported, "reconstruct the rows instead of decoding their codes")
    );
    assert!((explainer.scale(&[3.0, 4.0]) - s).abs() < 1e-6);
    let mut decoded = [0.0; 2];
    parts(SaeActivation::Relu).explainer().unwrap().decode(&[1.0, 0.9, 2.1], &mut decoded).unwrap();
    assert_near(&decoded, &[1.54, 2.82]);
}

#[test]
fn a_transcoder_gives_rows_of_its_own_width() {
    let dictionary = vec![1.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.5, 0.5, 1.0];
    let transcoder = AutoencoderParts {
        transcoder: true,
        output_columns: 3,
        skip: vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0],
        output_offset: vec![10.0, 20.0, 30.0],
        bias: BIAS.to_vec(),
        normalisation: InputNormalisation::ConstantNorm,
        ..AutoencoderParts::new(ENCODER.to_vec(), dictionary, 2, SaeActivation::Relu)
    };
    let explainer = transcoder.explainer().unwrap();
    assert_eq!((explainer.input_width(), explainer.output_width(), explainer.is_transcoder()), (2, 3, true));
    // [1 1] is of the norm sqrt 2 already: codes [1 .9 2.1], decoded [2.05 1.95 4.1], and the skip connection adds [1 1 2].
    let mut out = [0.0; 3];
    explainer.reconstruct(&ROWS[..2], &mut out).unwrap();
    assert!(out.iter().zip([13.05, 22.95, 36.1]).all(|(a, b)| (a - b).abs() < 1e-5), "{out:?}");
    // Without the row there is no skip connection.
    explainer.decode(&[1.0, 0.9, 2.1], &mut out).unwrap();
    assert!(out.iter().zip([12.05, 21.95, 34.1]).all(|(a, b)| (a - b).abs() < 1e-5), "{out:?}");
    assert_eq!(explainer.decode(&[1.0, 0.9, 2.1], &mut [0.0; 2]).unwrap_err().code(), ErrorCode::InvalidArgument);
}

#[test]
fn of_equal_codes_the_first_are_kept() {
    let largest = |values: &[f32], count, by_magnitude| Largest::default().find(values, count, by_magnitude).to_vec();
    assert_eq!(largest(&[1.0, 2.0, 2.0, 2.0, 0.0], 2, false), [1, 2]);
    assert_eq!(largest(&[0.0, -0.0, 0.0, -0.0], 2, false), [0, 1]);
    assert_eq!(largest(&[-3.0, 3.0, 1.0, -3.0], 2, true), [0, 1]);
    assert_eq!(largest(&[1.0, f32::NAN, 5.0, f32::INFINITY, f32::NAN], 2, false), [1, 4]);
    assert_eq!(largest(&[f32::NAN, f32::NEG_INFINITY, -f32::NAN], 1, false), [0]);
    assert_eq!(largest(&[1.0, 2.0], 2, false), [0, 1]);
    assert!(largest(&[1.0, 2.0], 0, false).is_empty());

    // As sorting finds them, over chunks and with many equal values.
    let mut random = RandomState::new(0);
    let values: Vec<f32> = (0..1000).map(|_| (random.normal() * 4.0).round() as f32).collect();
    for by_magnitude in [false, true] {
        let size = |value: f32| if by_magnitude { value.abs() } else { value };
        let mut sorted: Vec<u32> = (0..1000).collect();
        sorted.sort_by(|&a, &b| size(values[b as usize]).total_cmp(&size(values[a as usize])));
        for count in [1, 2, 15, 16, 17, 100, 999] {
            let mut wanted = sorted[..count].to_vec();
            wanted.sort_unstable();
            assert_eq!(largest(&values, count, by_magnitude), wanted, "{count}");
            // And also after other values, by which it guesses where to look: the same, some that are larger, and some smaller.
            let mut kept = Largest::default();
            for factor in [1.0, 1.0, 1.2, 0.2, -0.0, 3.0, 1.0] {
                let values: Vec<f32> = values.iter().map(|value| value * factor).collect();
                if factor > 0.0 {
                    assert_eq!(kept.find(&values, count, by_magnitude), wanted, "{count}, times {factor}");
                } else {
                    assert_eq!(kept.find(&values, count, by_magnitude), (0..count as u32).collect::<Vec<_>>());
                }
            }
            let mut values = values.clone();
            values[500] = f32::NAN;
            assert!(kept.find(&values, count, by_magnitude).contains(&500));
        }
    }
}

/// An autoencoder of each kind, with all that it may have.
fn one_of_each() -> Vec<AutoencoderParts> {
    let (concepts, columns) = (40, 12);
    let mut random = RandomState::new(1);
    let mut normal = |count: usize| (0..count).map(|_| random.normal() as f32).collect::<Vec<f32>>();
    let activations = [
        SaeActivation::Relu,
        SaeActivation::TopK { k: 7, signed: false },
        SaeActivation::TopK { k: 7, signed: true },
        SaeActivation::JumpRelu { thresholds: vec![0.5; concepts], strict: true },
        SaeActivation::JumpRelu { thresholds: normal(concepts), strict: false },
        SaeActivation::Gated { magnitude_scale: vec![1.5; concepts], magnitude_bias: normal(concepts) },
        SaeActivation::GroupMax { groups: 8 },
        SaeActivation::MatchingPursuit { steps: 5, least_residual: 0.25, stops_on_repeat: true },
    ];
    let normalisations = [InputNormalisation::None, InputNormalisation::ConstantNorm, InputNormalisation::LayerNorm];
    let mut make = |(index, activation): (usize, SaeActivation)| {
        let transcoder = index % 2 == 1 && !matches!(activation, SaeActivation::MatchingPursuit { .. });
        let pursues = matches!(activation, SaeActivation::MatchingPursuit { .. });
        let outputs = if transcoder { 9 } else { columns };
        AutoencoderParts {
            bias: if pursues { Vec::new() } else { normal(concepts) },
            offset: normal(columns),
            output_offset: normal(outputs),
            skip: if transcoder { normal(outputs * columns) } else { Vec::new() },
            normalisation: normalisations[index % 3],
            transcoder,
            output_columns: outputs,
            ..AutoencoderParts::new(normal(concepts * columns), normal(concepts * outputs), columns, activation)
        }
    };
    activations.into_iter().enumerate().map(&mut make).collect()
}

#[test]
fn the_codes_of_a_row_do_not_depend_on_the_others_and_come_back_from_a_file() {
    let folder = std::env::temp_dir().join(format!("eidos-sae-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut random = RandomState::new(2);
    let count = 300;
    for (index, parts) in one_of_each().into_iter().enumerate() {
        let (concepts, columns, outputs) = (parts.concept_count(), parts.columns, parts.output_columns);
        let rows: Vec<f32> = (0..count * columns).map(|_| 2.0 * random.normal() as f32).collect();
        let explainer = parts.clone().explainer().unwrap();
        let (mut codes, mut out) = (vec![0.0; count * concepts], vec![0.0; count * outputs]);
        explainer.encode(&rows, &mut codes).unwrap();
        explainer.reconstruct(&rows, &mut out).unwrap();
        assert!(codes.iter().any(|code| *code != 0.0), "{index}");
        for row in [0, 63, 64, 255, 256, 299] {
            let (mut alone, mut out_alone) = (vec![0.0; concepts], vec![0.0; outputs]);
            let values = &rows[row * columns..][..columns];
            explainer.encode(values, &mut alone).unwrap();
            explainer.reconstruct(values, &mut out_alone).unwrap();
            let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same(&alone, &codes[row * concepts..][..concepts]), "row {row} of {index}");
            assert!(same(&out_alone, &out[row * outputs..][..outputs]), "row {row} of {index}");
        }

        // Sparse codes are the same, and all that are not zero.
        let sparse = SparseAutoencoder::new(parts.clone()).unwrap().codes(&rows).unwrap();
        assert!(matches!(sparse, Codes::Sparse(_)));
        for (row, dense) in sparse.rows().zip(codes.chunks_exact(concepts)) {
            assert!((0..concepts).all(|concept| (row.get(concept) - dense[concept]).abs() <= 0.0));
            let RowCodes::Sparse(_, values) = row else { panic!("dense codes") };
            assert!(values.iter().all(|value| *value != 0.0));
        }

        let path = folder.join(format!("{index}.safetensors"));
        explainer.save(&path).unwrap();
        let opened = Explainer::open(&path).unwrap();
        let mut again = vec![0.0; codes.len()];
        opened.encode(&rows, &mut again).unwrap();
        assert_eq!((again, opened.options()), (codes, explainer.options()));
        assert_eq!((opened.method(), opened.is_transcoder()), ("sae", parts.transcoder));
        let mut tensors = Vec::new();
        opened.for_each_tensor(&mut |name, bytes| tensors.push((name.to_owned(), bytes.to_vec())));
        explainer.for_each_tensor(&mut |name, bytes| assert!(tensors.contains(&(name.to_owned(), bytes.to_vec()))));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_factor_of_all_rows_and_the_norms_of_the_dictionary_are_folded_into_the_weights() {
    for parts in one_of_each() {
        let parts = AutoencoderParts { normalisation: InputNormalisation::None, ..parts };
        let (columns, outputs) = (parts.columns, parts.output_columns);
        let rows: Vec<f32> = (0..20 * columns).map(|index| ((index * 7919) % 101) as f32 / 25.0 - 2.0).collect();
        let scaled: Vec<f32> = rows.iter().map(|value| value * 4.0).collect();
        let output = if parts.transcoder { 2.0 } else { 4.0 };
        let folded = parts.clone().fold_factors(4.0, output).unwrap();
        // Powers of two are exact, but for sums of scaled values with those that are not.
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3 * (1.0 + b.abs()));
        assert!(near(&codes(folded.clone(), &rows), &codes(parts.clone(), &scaled)), "{:?}", parts.activation.name());
        let reconstruct = |parts: AutoencoderParts, rows: &[f32]| {
            let mut out = vec![0.0; rows.len() / columns * outputs];
            parts.explainer().unwrap().reconstruct(rows, &mut out).unwrap();
            out
        };
        let wanted: Vec<f32> = reconstruct(parts.clone(), &scaled).iter().map(|value| value / output).collect();
        assert!(near(&reconstruct(folded, &rows), &wanted), "{:?}", parts.activation.name());

        match parts.activation {
            SaeActivation::MatchingPursuit { .. } => {
                assert_eq!(parts.clone().fold_norms().unwrap_err().code(), ErrorCode::Unsupported);
            }
            // The others compare codes with each other.
            SaeActivation::Relu | SaeActivation::JumpRelu { .. } | SaeActivation::Gated { .. } => {
                let unit = parts.clone().fold_norms().unwrap();
                let norm = |row: &[f32]| row.iter().map(|value| value * value).sum::<f32>().sqrt();
                assert!(unit.dictionary.chunks(outputs).all(|row| (norm(row) - 1.0).abs() < 1e-5));
                assert!(near(&reconstruct(unit, &rows), &reconstruct(parts.clone(), &rows)));
            }
            _ => {}
        }
    }
    let top = parts(SaeActivation::TopK { k: 1, signed: false });
    let dictionary = vec![1.0, 0.0, 1.8, 2.4, 0.0, 1.0];
    // The second concept has the norm 3, and its code .9 becomes 2.7, the largest.
    assert_near(&codes(AutoencoderParts { dictionary, ..top }.fold_norms().unwrap(), &ROWS[..2]), &[0.0, 2.7, 0.0]);
}

#[test]
fn parts_that_do_not_go_together_are_named() {
    let with = |change: &dyn Fn(&mut AutoencoderParts)| {
        let mut parts = parts(SaeActivation::Relu);
        change(&mut parts);
        let error = parts.explainer().unwrap_err();
        assert!(!error.hint_text().is_empty());
        (error.code(), error.message().to_owned())
    };
    let argument = |message: &str| (ErrorCode::InvalidArgument, message.to_owned());
    let takes = |name: &str, found: usize, wanted: usize| {
        argument(&format!("the {name} has {found} values, but 3 concepts of 2 columns, decoded to 2, take {wanted}"))
    };
    assert_eq!(with(&|parts| parts.encoder.truncate(5)), takes("encoder", 5, 6));
    assert_eq!(with(&|parts| parts.encoder.clear()), takes("encoder", 0, 6));
    assert_eq!(with(&|parts| parts.bias.truncate(1)), takes("bias", 1, 3));
    assert_eq!(with(&|parts| parts.offset = vec![0.0; 3]), takes("offset", 3, 2));
    assert_eq!(with(&|parts| parts.output_offset = vec![0.0; 3]), takes("output offset", 3, 2));
    let jump = |thresholds| SaeActivation::JumpRelu { thresholds, strict: true };
    assert_eq!(with(&|parts| parts.activation = jump(vec![0.0])), takes("vector of thresholds", 1, 3));
    let gated =
        |scale, bias| SaeActivation::Gated { magnitude_scale: vec![1.0; scale], magnitude_bias: vec![0.0; bias] };
    assert_eq!(with(&|parts| parts.activation = gated(2, 3)), takes("scale of magnitudes", 2, 3));
    assert_eq!(with(&|parts| parts.activation = gated(3, 2)), takes("bias of magnitudes", 2, 3));
    assert_eq!(
        with(&|parts| parts.dictionary.truncate(5)),
        argument("a dictionary of 5 values cannot have rows of 2 columns, for rows of 2")
    );
    assert_eq!(
        with(&|parts| parts.output_columns = 3),
        argument("an autoencoder of rows of 2 columns cannot give rows of 3")
    );
    assert_eq!(with(&|parts| parts.skip = vec![0.0; 4]), argument("an autoencoder cannot have a skip connection"));
    let top = |k| SaeActivation::TopK { k, signed: false };
    assert_eq!(with(&|parts| parts.activation = top(0)), argument("a row cannot keep 0 of 3 codes"));
    assert_eq!(with(&|parts| parts.activation = top(4)), argument("a row cannot keep 4 of 3 codes"));
    assert_eq!(
        with(&|parts| parts.activation = SaeActivation::GroupMax { groups: 2 }),
        argument("3 concepts cannot be in 2 groups of the same size")
    );
    let pursuit =
        |steps, least_residual| SaeActivation::MatchingPursuit { steps, least_residual, stops_on_repeat: false };
    assert_eq!(
        with(&|parts| parts.activation = pursuit(0, 0.0)),
        argument("matching pursuit of 0 steps finds nothing")
    );
    assert_eq!(with(&|parts| parts.activation = pursuit(1, 0.0)), argument("matching pursuit has no bias"));
    assert_eq!(
        with(&|parts| parts.activation = pursuit(1, f32::NAN)),
        argument("matching pursuit cannot end at a residual of NaN")
    );
    assert_eq!(
        with(&|parts| parts.bias[1] = f32::NAN),
        (ErrorCode::InvalidData, "value 1 of the bias is NaN".to_owned())
    );
    assert_eq!(
        parts(SaeActivation::Relu).fold_factors(0.0, 1.0).unwrap_err().message(),
        "the factor of the input is 0"
    );

    // What a row cannot have is named by row and column, and a code that overflows by row and concept.
    let explainer = parts(SaeActivation::Relu).explainer().unwrap();
    let mut codes = [0.0; 6];
    let error = explainer.encode(&[1.0, 1.0, f32::NAN, 1.0], &mut codes).unwrap_err();
    assert_eq!((error.code(), error.message()), (ErrorCode::InvalidData, "row 1 has the value NaN in column 0"));
    for activation in
        [SaeActivation::Relu, top(1), jump(vec![0.0; 3]), gated(3, 3), SaeActivation::GroupMax { groups: 1 }]
    {
        let error = parts(activation).explainer().unwrap().encode(&[1.0, 1.0, 1.0, 3e38], &mut codes).unwrap_err();
        assert_eq!(error.message(), "row 1 gives concept 2 the value inf");
    }
    assert_eq!(json!(explainer.options()["activation"]), "relu");
}

#[test]
fn a_damaged_file_is_not_an_autoencoder() {
    let folder = std::env::temp_dir().join(format!("eidos-sae-damaged-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("sae.safetensors");
    parts(SaeActivation::TopK { k: 2, signed: false }).explainer().unwrap().save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    // The settings are the last of the 8-byte values: the kind, k, the sign, the normalisation, the transcoder.
    let settings: Vec<u8> = [1_u64, 2, 0, 0, 0].iter().flat_map(|number| number.to_le_bytes()).collect();
    let place = bytes.windows(settings.len()).position(|window| window == settings).unwrap();
    for (number, value) in [(0, 6_u64), (1, 0), (1, u64::MAX), (2, 2), (3, 3), (4, 2)] {
        let mut damaged = bytes.clone();
        damaged[place + 8 * number..][..8].copy_from_slice(&value.to_le_bytes());
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(Explainer::open(&path).unwrap_err().code(), ErrorCode::InvalidFile, "{number} {value}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
