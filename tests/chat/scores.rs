//! A score says whether a label tells unseen passages apart.

use std::collections::HashSet;
use std::sync::Mutex;

use eidos::chat::ChatRequest;
use eidos::{Chat, ChatOptions, Control, DetectionScore, Interpretation, LlmLabels, Scoring};

use crate::chat::common::{CONCEPTS, Own, concepts, examples};

const SCORED: Scoring = Scoring { passages: 10, per_request: 6, threshold: 0.5 };

fn judging(request: &ChatRequest) -> bool {
    request.system.starts_with("You check")
}

/// The passages that are to be judged.
fn passages(request: &ChatRequest) -> Vec<&str> {
    let after = request.user.split_once("Passages:\n").unwrap().1;
    after.lines().map(|line| line.split_once(". ").unwrap().1).collect()
}

/// Labels all concepts with the column that excites them, and judges with `judge` of the column and the passage. In these
/// rows, the column of an even unit `2 k` is `k` modulo the number of columns, and odd units excite nothing.
fn run(judge: impl Fn(usize, Option<usize>) -> &'static str + Sync) -> (Interpretation, Vec<ChatRequest>) {
    run_with(SCORED, judge)
}

fn run_with(
    scoring: Scoring,
    judge: impl Fn(usize, Option<usize>) -> &'static str + Sync,
) -> (Interpretation, Vec<ChatRequest>) {
    let column = |unit: &str| {
        let number: usize = unit.trim_start_matches("unit").parse().unwrap();
        number.is_multiple_of(2).then_some(number / 2 % CONCEPTS)
    };
    let own = Own::new(move |request: &ChatRequest| {
        if judging(request) {
            let wanted = request.user.split_once("column").unwrap().1.split_once('\n').unwrap().0.parse().unwrap();
            let judged: Vec<&str> = passages(request).into_iter().map(|unit| judge(wanted, column(unit))).collect();
            return Ok(format!("{{\"answers\": [{}]}}", judged.join(", ")));
        }
        let found = examples(&request.user).iter().filter_map(|(_, unit)| column(unit)).max();
        Ok(format!("{{\"label\": \"column{}\"}}", found.unwrap_or(99)))
    });
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let (explainer, activations) = concepts();
    let wanted = LlmLabels { scoring: Some(scoring), examples: 8, ..LlmLabels::default() };
    let meaning = wanted.interpret(&explainer, &activations, &chat, &Control::new()).unwrap();
    let questions = std::mem::take(&mut *own.questions.lock().unwrap());
    (meaning, questions)
}

/// The scores of the concepts whose positive pole is one column (the noise may be the heavier tail of others).
fn scores(meaning: &Interpretation) -> Vec<DetectionScore> {
    let scores = meaning.concepts().iter().filter_map(|concept| concept.positive_label.as_ref()?.score);
    scores.collect()
}

#[test]
fn a_label_that_says_it_all_scores_1_and_one_that_says_nothing_scores_a_half() {
    for (judge, expected) in [
        (
            (|wanted, found| if Some(wanted) == found { "1" } else { "0" }) as fn(usize, Option<usize>) -> &'static str,
            1.0,
        ),
        (|_, _| "1", 0.5),
        (|_, _| "0", 0.5),
        (|wanted, found| if Some(wanted) == found { "0" } else { "1" }, 0.0),
    ] {
        let (meaning, _) = run(judge);
        let scores = scores(&meaning);
        assert_eq!(scores.len(), CONCEPTS);
        for score in scores {
            assert!((score.balanced_accuracy - expected).abs() < 1e-9, "{score:?}");
            assert_eq!((score.exciting, score.quiet, score.unanswered), (10, 10, 0));
        }
        assert!(meaning.to_string().contains(&format!("({expected:.2})")));
    }
}

#[test]
fn judged_passages_were_not_shown_and_come_once() {
    let (meaning, questions) = run(|_, _| "1");
    let mut judged = HashSet::new();
    let shown: Mutex<HashSet<String>> = Mutex::default();
    for question in &questions {
        if judging(question) {
            for unit in passages(question) {
                assert!(!shown.lock().unwrap().contains(unit), "{unit} was an example");
                assert!(judged.insert(unit.to_owned()), "{unit} came twice");
                assert!(!unit.contains("<<"));
            }
        } else {
            *shown.lock().unwrap() = examples(&question.user).into_iter().map(|(_, unit)| unit).collect();
            judged.clear();
        }
    }
    // 20 passages in requests of 6: 6, 6, 6 and 2.
    assert_eq!(questions.len(), meaning.concepts().len() * 5);
}

#[test]
fn more_passages_than_there_are_rows_are_as_many_as_there_are_rows() {
    let start = std::time::Instant::now();
    let asked = |passages: usize| run_with(Scoring { passages, per_request: 1000, ..SCORED }, |_, _| "1").1;
    let (rows, more) = (asked(800), asked(usize::MAX));
    assert_eq!(rows, more);
    assert!(start.elapsed() < std::time::Duration::from_mins(1), "{:?}", start.elapsed());
}

#[test]
fn exciting_and_quiet_passages_are_mixed() {
    let (_, questions) = run(|_, _| "1");
    let first: Vec<Vec<&str>> = questions.iter().filter(|question| judging(question)).map(passages).collect();
    let even = |unit: &&&str| unit.trim_start_matches("unit").parse::<usize>().unwrap() % 2 == 0;
    let mixed = first.iter().filter(|units| (1..units.len()).contains(&units.iter().filter(even).count())).count();
    assert!(mixed > first.len() / 2, "{mixed} of {}", first.len());
}

#[test]
fn judgements_that_cannot_be_read_do_not_count_and_are_told() {
    let (meaning, _) = run(|_, found| if found == Some(0) { "7" } else { "1" });
    let mut some = false;
    for concept in meaning.concepts() {
        let label = concept.positive_label.as_ref().unwrap();
        assert!(label.text.is_some());
        if let Some(score) = label.score.filter(|score| score.unanswered > 0) {
            some = true;
            assert_eq!(score.exciting + score.quiet + score.unanswered, 20);
        }
        let unread = label.score.is_none_or(|score| score.unanswered > 0);
        assert_eq!(unread, label.error.as_ref().is_some_and(|error| error.message.contains("were not judged")));
    }
    assert!(some);
}

#[test]
fn too_few_unseen_passages_are_told_and_the_label_is_kept() {
    let own = Own::new(|_: &ChatRequest| Ok("{\"label\": \"a\"}".to_owned()));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let (explainer, activations) = concepts();
    let wanted = LlmLabels { scoring: Some(SCORED), examples: 10_000, ..LlmLabels::default() };
    let meaning = wanted.interpret(&explainer, &activations, &chat, &Control::new()).unwrap();
    for concept in meaning.concepts() {
        let label = concept.positive_label.as_ref().unwrap();
        assert!(label.text.is_some() && label.score.is_none());
        assert!(label.error.as_ref().unwrap().message.contains("too few"));
    }
}

#[test]
fn scoring_that_cannot_be_right_is_an_error() {
    let own = Own::new(|_: &ChatRequest| Ok("{\"label\": \"a\"}".to_owned()));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let (explainer, activations) = concepts();
    for scoring in [
        Scoring { passages: 0, ..SCORED },
        Scoring { per_request: 0, ..SCORED },
        Scoring { threshold: 0.0, ..SCORED },
        Scoring { threshold: f32::NAN, ..SCORED },
        Scoring { threshold: 1.5, ..SCORED },
    ] {
        let wanted = LlmLabels { scoring: Some(scoring), ..LlmLabels::default() };
        let error = wanted.interpret(&explainer, &activations, &chat, &Control::new()).unwrap_err();
        assert_eq!(error.code(), eidos::ErrorCode::InvalidArgument);
    }
}
