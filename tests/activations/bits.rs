//! The same bits, however the work is cut, ordered, shared out and stored.

use eidos::{Activations, CollectOptions, Granularity};

use crate::common::{bits, collect, eurobert, everything, many_texts, row_bits};

fn all_bits(results: &[Activations]) -> Vec<Vec<u32>> {
    results.iter().map(bits).collect()
}

#[test]
fn batches_threads_and_repetition_do_not_matter() {
    let (model, texts) = (eurobert(), many_texts(120));
    let of = |batch_tokens, threads| {
        let options = CollectOptions { batch_tokens, threads, ..CollectOptions::default() };
        all_bits(&collect(&model, &texts, &options).unwrap())
    };
    let expected = of(2048, 1);
    assert!(expected[0].len() > 500 * 32);
    for batch_tokens in [1, 7, 64, 4096, usize::MAX] {
        for threads in [1, 2, 5] {
            assert!(of(batch_tokens, threads) == expected, "{batch_tokens} tokens, {threads} threads");
        }
    }
    for _ in 0..3 {
        assert!(of(64, 2) == expected);
    }
}

#[test]
fn the_order_of_the_texts_and_the_other_texts_do_not_matter() {
    let (model, texts) = (eurobert(), many_texts(100));
    // A fixed shuffle: 37 and 100 have no common factor.
    let order: Vec<usize> = (0..texts.len()).map(|index| (index * 37 + 11) % texts.len()).collect();
    let shuffled: Vec<&String> = order.iter().map(|&index| &texts[index]).collect();
    let options = CollectOptions { batch_tokens: 50, threads: 2, ..CollectOptions::default() };
    let (straight, mixed) = (collect(&model, &texts, &options).unwrap(), collect(&model, &shuffled, &options).unwrap());
    for (straight, mixed) in straight.iter().zip(&mixed) {
        let rows_of = |activations: &Activations, text: usize| {
            let of_text = |row: &usize| activations.unit_span(*row).unwrap().text_index == text;
            let rows: Vec<usize> = (0..activations.row_count()).filter(of_text).collect();
            let bits = rows.first().map_or_else(Vec::new, |&first| row_bits(activations, first, rows.len()));
            let units: Vec<String> = rows.iter().map(|&row| activations.unit(row).unwrap().to_owned()).collect();
            (bits, units)
        };
        for (place, &text) in order.iter().enumerate() {
            assert_eq!(rows_of(mixed, place), rows_of(straight, text), "text {text}");
        }
    }
    for text in [0, 17, 99] {
        let alone = collect(&model, &texts[text..=text], &CollectOptions::default()).unwrap();
        let first = (0..straight[0].row_count()).find(|&row| straight[0].unit_span(row).unwrap().text_index == text);
        let Some(first) = first else { continue };
        assert_eq!(bits(&alone[0]), row_bits(&straight[0], first, alone[0].row_count()), "text {text} alone");
    }
}

#[test]
fn memory_a_folder_and_a_temporary_folder_hold_the_same() {
    let model = eurobert();
    // A shard for each text, shards of some texts, and one shard; each flushes the disk, so there are few of them.
    for (texts, shard_bytes) in [(12, 1), (60, 12_000), (60, 1 << 20)] {
        let texts = many_texts(texts);
        for granularity in [Granularity::Word, Granularity::AllTokens, Granularity::Sample] {
            let options = CollectOptions { granularity, ..CollectOptions::default() };
            let expected: Vec<_> = collect(&model, &texts, &options).unwrap().iter().map(everything).collect();
            for (batch_tokens, threads) in [(7, 2), (4096, 1)] {
                let folder = tempfile::tempdir().unwrap();
                let place = Some(folder.path().join("new/folders"));
                let options = CollectOptions { shard_bytes, batch_tokens, threads, ..options.clone() };
                for (folder, memory_limit) in [(place, u64::MAX), (None, 0)] {
                    let options = CollectOptions { folder, memory_limit, ..options.clone() };
                    let results = collect(&model, &texts, &options).unwrap();
                    assert!(results.iter().all(Activations::is_on_disk));
                    let found: Vec<_> = results.iter().map(everything).collect();
                    assert!(found == expected, "{granularity:?} in shards of {shard_bytes}, {threads} threads");
                }
            }
        }
    }
}

#[test]
fn the_vocabulary_is_the_same_bits_too() {
    let model = eurobert();
    let of = |options: &CollectOptions| {
        let inputs = model.vocabulary_inputs().unwrap();
        let results = model.activations(&inputs, options, &eidos::Control::new()).unwrap();
        results.iter().map(everything).collect::<Vec<_>>()
    };
    let expected = of(&CollectOptions::default());
    assert!(of(&CollectOptions { batch_tokens: 3, threads: 5, ..CollectOptions::default() }) == expected);
    let folder = tempfile::tempdir().unwrap();
    let place = Some(folder.path().to_owned());
    assert!(of(&CollectOptions { folder: place, shard_bytes: 3000, ..CollectOptions::default() }) == expected);
}
