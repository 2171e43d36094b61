//! Passes of which some rows alone are read: the same bits, and fewer rows in each product.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashSet;

use candle_core::{DType, Tensor};

use crate::model::blueprint::{BlockSite, Pooling, Site};
use crate::model::forward::TokenRows;
use crate::model::ops::{Implementation, RowSelection};
use crate::model::tap::{Halt, Tap};
use crate::model::whole::{KERNELS, every_variant, golden, load, splits_of};
use crate::model::{PassOptions, SplitModel};
use crate::workers::in_team;

/// Rows that a caller may want of texts of these lengths: the first of each text, the last, all but both, every third.
fn selections(sequences: &[&[u32]]) -> Vec<Vec<u32>> {
    let chosen = |keep: &dyn Fn(usize, usize) -> bool| {
        let rows = sequences.iter().flat_map(|ids| (0..ids.len()).map(|position| keep(position, ids.len())));
        (0..).zip(rows).filter(|(_, keep)| *keep).map(|(row, _)| row).collect::<Vec<u32>>()
    };
    let all = [
        chosen(&|position, _| position == 0),
        chosen(&|position, length| position + 1 == length),
        chosen(&|position, length| position > 0 && position + 1 < length),
        chosen(&|position, length| position % 3 == 1 || length == 1),
        chosen(&|_, length| length > 1),
    ];
    all.into_iter().filter(|rows| !rows.is_empty()).collect()
}

fn reading(rows: &[u32]) -> PassOptions<'_> {
    PassOptions { rows: Some(rows), ..PassOptions::default() }
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().map(|value| value.to_bits()).collect()
}

fn of_rows(tensor: &Tensor, rows: &[u32]) -> Tensor {
    tensor.index_select(&Tensor::from_slice(rows, rows.len(), tensor.device()).unwrap(), 0).unwrap()
}

/// The model that is split at one of its split points alone.
fn split_at(model: &mut SplitModel, points: &[(crate::model::SplitPoint, Site)], index: usize) {
    model.split_points = vec![points[index].0.clone()];
    model.sites = vec![points[index].1];
}

fn points(model: &SplitModel) -> Vec<(crate::model::SplitPoint, Site)> {
    model.split_points.iter().cloned().zip(model.sites.iter().copied()).collect()
}

#[test]
fn some_rows_of_a_module_are_the_same_bits_as_among_all_for_every_family() {
    let mut families = HashSet::new();
    every_variant(|family, variant, splits| {
        families.insert(family.to_owned());
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let mut model = load(family, variant, &splits, KERNELS);
        let all = model.forward(&sequences).unwrap();
        for rows in selections(&sequences) {
            let some = model.forward_under(&sequences, reading(&rows), Vec::new()).unwrap();
            for ((path, some), all) in splits.iter().zip(&some).zip(&all) {
                assert!(bits(some) == bits(&of_rows(all, &rows)), "{family} {variant} {path} of all, rows {rows:?}");
            }
        }
        let points = points(&model);
        for (index, all) in all.iter().enumerate() {
            split_at(&mut model, &points, index);
            // Each kind of rows at every fifth module.
            let mut selections = selections(&sequences);
            let rows = selections.swap_remove(index % selections.len());
            let some = model.forward_under(&sequences, reading(&rows), Vec::new()).unwrap();
            let path = splits[index];
            assert!(bits(&some[0]) == bits(&of_rows(all, &rows)), "{family} {variant} {path}, rows {rows:?}");
        }
    });
    assert!(families.len() > 25, "{families:?}");
}

#[test]
fn references_give_some_rows_too() {
    let references = Implementation::Reference(DType::F32);
    for (family, variant) in [
        ("deberta_v2", "base"),
        ("t5", "base"),
        ("llama", "causal_lm"),
        ("bloom", "causal_lm"),
        ("gemma4", "causal_lm"),
        ("qwen3_5", "causal_lm"),
    ] {
        let splits = splits_of(family, variant);
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let mut model = load(family, variant, &splits, references);
        let all = model.forward(&sequences).unwrap();
        let points = points(&model);
        for (index, all) in all.iter().enumerate() {
            split_at(&mut model, &points, index);
            for rows in selections(&sequences) {
                let some = model.forward_under(&sequences, reading(&rows), Vec::new()).unwrap();
                let difference = golden::difference(&some[0], &of_rows(all, &rows));
                assert!(difference < 1e-6, "{family} {variant} {}: {difference:e}", splits[index]);
            }
        }
    }
}

/// How many rows went through each projection on the way to the split points.
fn projected(model: &SplitModel, sequences: &[&[u32]], rows: Option<&[u32]>) -> Vec<(Site, usize)> {
    let tokens = TokenRows::new(sequences);
    let rows = rows.and_then(|rows| RowSelection::new(rows, tokens.texts(), model.device()).unwrap());
    let mut tap = Tap::capture(&model.sites, Vec::new()).of_rows(rows);
    match model.pass(&tokens, &mut tap).run() {
        Ok(_) | Err(Halt::Done) => tap.projected,
        Err(Halt::Failed(error)) => panic!("{error}"),
    }
}

/// Whether a projection gives what other rows read: keys and values, or these with the queries in one.
fn is_read_by_others(site: Site) -> bool {
    use BlockSite::{CrossKey, CrossValue, DeltaDecay, DeltaRate, Key, QueryKeyValue, Value};
    let (Site::Block(_, site) | Site::DecoderBlock(_, site)) = site else { return false };
    matches!(site, Key | Value | QueryKeyValue | DeltaRate | DeltaDecay | CrossKey | CrossValue)
}

#[test]
fn in_the_last_block_only_keys_and_values_are_projected_for_all_rows() {
    let mut counted = 0;
    every_variant(|family, variant, splits| {
        let texts = golden::texts(family);
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let tokens: usize = sequences.iter().map(|ids| ids.len()).sum();
        let firsts = &selections(&sequences)[0];
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        let mut model = load(family, variant, &splits, KERNELS);
        let points = points(&model);
        for index in 0..points.len() {
            split_at(&mut model, &points, index);
            let last = points[index].1;
            let all = projected(&model, &sequences, None);
            let some = projected(&model, &sequences, Some(firsts));
            let what = format!("{family} {variant} {}", splits[index]);
            assert_eq!(all.len(), some.len(), "{what}");
            // The block whose attention is the last one that is read: of the split point, if that lies behind it.
            let attention = match last {
                Site::Block(block, site) => {
                    Site::Block(block - usize::from(block > 0 && site.is_before_attention()), BlockSite::Query)
                }
                Site::DecoderBlock(block, site) => {
                    Site::DecoderBlock(block - usize::from(block > 0 && site.is_before_attention()), BlockSite::Query)
                }
                _ => continue,
            };
            let is_first =
                matches!(last, Site::Block(0, site) | Site::DecoderBlock(0, site) if site.is_before_attention());
            for ((site, of_all), (_, of_some)) in all.iter().zip(&some) {
                assert_eq!(*of_all, tokens, "{what} {site:?}");
                let same_block = |other: Site| match (attention, other) {
                    (Site::Block(one, _), Site::Block(other, _))
                    | (Site::DecoderBlock(one, _), Site::DecoderBlock(other, _)) => one == other,
                    _ => false,
                };
                let is_before = *site < attention && !same_block(*site) && !is_first;
                let for_others = !is_first && same_block(*site) && is_read_by_others(*site);
                let embedding = matches!(site, Site::Embedding(_) | Site::DecoderEmbedding(_));
                let from_encoder = matches!(last, Site::DecoderBlock(..)) && *site <= Site::EncoderNorm;
                let cross =
                    is_read_by_others(*site) && matches!(site, Site::DecoderBlock(_, site) if *site > BlockSite::Value);
                let expected =
                    if is_before || for_others || embedding || from_encoder || cross { tokens } else { firsts.len() };
                assert_eq!(*of_some, expected, "{what} {site:?}, last {last:?}");
                counted += usize::from(expected < tokens);
            }
        }
    });
    assert!(counted > 1000, "{counted}");
}

#[test]
fn a_head_for_texts_runs_on_the_rows_that_it_pools_with_the_same_bits() {
    let mut kinds = HashSet::new();
    every_variant(|family, variant, _| {
        let model = load(family, variant, &[], KERNELS);
        let pooling = model.blueprint.pooling;
        if model.blueprint.logits == 0 || matches!(pooling, Pooling::PerToken) {
            return;
        }
        let texts = golden::texts(family);
        let sequences = texts.iter().map(Vec::as_slice).filter(|ids| model.logits(ids).is_ok());
        let sequences: Vec<&[u32]> = sequences.collect();
        if sequences.is_empty() {
            return;
        }
        let rows = TokenRows::new(&sequences);
        let mut tap = Tap::pass(Vec::new());
        let Ok(all) = model.pass(&rows, &mut tap).run() else { panic!("{family} {variant}") };
        let pooled = model.logits_under(&sequences, 1, Vec::new()).unwrap();
        assert!(bits(&pooled) == bits(&all), "{family} {variant}");
        if !matches!(pooling, Pooling::Mean | Pooling::MeanOfLogits) {
            let numbers = model.pass(&rows, &mut Tap::pass(Vec::new())).pooled_rows().unwrap();
            assert_eq!(numbers.map(|numbers| numbers.len()), Some(sequences.len()), "{family} {variant}");
        }
        kinds.insert(std::mem::discriminant(&pooling));
    });
    assert!(kinds.len() >= 3, "{}", kinds.len());
}

#[test]
fn a_long_text_is_the_same_bits_on_any_number_of_threads() {
    for (family, variant) in [
        ("llama", "causal_lm"),
        ("t5", "base"),
        ("gemma2", "causal_lm"),
        ("gemma4", "causal_lm"),
        ("qwen3_5", "causal_lm"),
    ] {
        let splits = splits_of(family, variant);
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        let model = load(family, variant, &splits, KERNELS);
        let vocabulary = model.vocabulary_size() as u32;
        let ids: Vec<u32> = (0..1600).map(|index| index * 7 % vocabulary).collect();
        let on = |threads: usize, rows: Option<&[u32]>| {
            let options = PassOptions { rows, threads, ..PassOptions::default() };
            let all = in_team(threads, || model.forward_under(&[&ids], options, Vec::new())).unwrap();
            all.iter().map(bits).collect::<Vec<_>>()
        };
        let expected = on(1, None);
        assert!(on(3, None) == expected, "{family}");
        let some: Vec<u32> = (0..1600).filter(|row| row % 3 > 0).collect();
        assert!(on(2, Some(&some)) == on(1, Some(&some)), "{family}");
    }
}
