//! A label for each concept, whatever happens to some of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use eidos::chat::{ChatRequest, Failure};
use eidos::{
    Activations, Chat, ChatOptions, Control, Error, ErrorCode, Explainer, Interpretation, Label, LlmLabels, Pole,
    Sampling,
};

use crate::chat::common::{CONCEPTS, Own, concepts, examples};

fn interpret(chat: &Chat<'_>, wanted: &LlmLabels) -> Result<Interpretation, Error> {
    let (explainer, activations) = concepts();
    wanted.interpret(&explainer, &activations, chat, &Control::new())
}

fn labels(meaning: &Interpretation) -> Vec<&Label> {
    meaning.concepts().iter().map(|concept| concept.positive_label.as_ref().unwrap()).collect()
}

fn say(label: &str) -> String {
    format!("{{\"label\": \"{label}\"}}")
}

/// A label that tells which examples were shown: the first of them.
fn first_example(request: &ChatRequest) -> String {
    examples(&request.user)[0].1.clone()
}

#[test]
fn each_concept_gets_the_label_of_its_own_examples() {
    let own = Own::new(|request: &ChatRequest| Ok(say(&first_example(request))));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let meaning = interpret(&chat, &LlmLabels::default()).unwrap();
    assert_eq!(meaning.concepts().len(), CONCEPTS);
    for concept in meaning.concepts() {
        let label = concept.positive_label.as_ref().unwrap();
        assert_eq!(label.text.as_deref(), Some(concept.positive[0].text.as_str()));
        assert!(concept.negative_label.is_none() && label.error.is_none() && label.score.is_none());
        assert_eq!(concept.positive.len(), 30);
        assert!(concept.positive.is_sorted_by(|left, right| left.activation >= right.activation));
    }
    assert_eq!(own.asked.load(Ordering::Relaxed), CONCEPTS);
    let labelling = meaning.labelling().unwrap();
    assert_eq!((labelling.usage.requests, labelling.usage.unreported), (8, 8));
    let again = Interpretation::from_json(meaning.to_json().unwrap().as_bytes()).unwrap();
    assert_eq!(again, meaning);
    assert!(
        meaning.to_string().starts_with(&format!("Concept 0: {} ['unit", labels(&meaning)[0].text.as_ref().unwrap()))
    );
}

#[test]
fn strengths_are_from_0_to_10_and_the_strongest_is_10() {
    let own = Own::new(|_: &ChatRequest| Ok(say("a")));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let wanted = LlmLabels { examples: 500, negative_pole: true, ..LlmLabels::default() };
    let meaning = interpret(&chat, &wanted).unwrap();
    let questions = own.questions.lock().unwrap();
    assert_eq!(questions.len(), 2 * CONCEPTS);
    for (index, question) in questions.iter().enumerate() {
        let concept = &meaning.concepts()[index / 2];
        let pole = [Pole::Positive, Pole::Negative][index % 2];
        let shown = examples(&question.user);
        let inputs = concept.pole(pole);
        assert_eq!((shown[0].0, shown.len()), (10, inputs.len()));
        for ((strength, text), input) in shown.iter().zip(inputs) {
            let expected = (f64::from(input.activation) / f64::from(inputs[0].activation) * 10.0).round();
            assert!((f64::from(*strength) - expected).abs() < 1e-9, "{strength} {expected}");
            assert_eq!(text, &input.text);
            assert_eq!(input.activation > 0.0, pole == Pole::Positive);
        }
    }
}

#[test]
fn what_is_asked_depends_on_the_seed_and_not_on_the_other_concepts() {
    for sampling in [Sampling::Top, Sampling::Random, Sampling::Quantile] {
        let asked = |seed: u32, wanted: Option<Vec<usize>>| {
            let own = Own::new(|_: &ChatRequest| Ok(say("a")));
            let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
            interpret(&chat, &LlmLabels { sampling, seed, concepts: wanted, ..LlmLabels::default() }).unwrap();
            let questions = own.questions.lock().unwrap();
            questions.iter().map(|question| question.user.clone()).collect::<Vec<_>>()
        };
        let all = asked(1, None);
        assert_eq!(asked(1, Some(vec![5, 2])), [all[5].clone(), all[2].clone()]);
        assert_eq!(asked(2, None) == all, sampling == Sampling::Top);
        assert!(all.iter().all(|prompt| examples(prompt).len() == 30));
    }
}

#[test]
fn a_prompt_of_the_caller_replaces_ours() {
    let own = Own::new(|_: &ChatRequest| Ok(say("a")));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    interpret(&chat, &LlmLabels { system_prompt: Some("In French.".to_owned()), ..LlmLabels::default() }).unwrap();
    assert!(own.questions.lock().unwrap().iter().all(|question| question.system == "In French."));
}

#[test]
fn examples_that_look_the_same_are_shown_once() {
    let values = vec![5.0, 4.0, 3.0, 2.0, 1.0, -1.0, -2.0, -12.0];
    let names = ["all", "all", "every", "all", "each", "no", "none", "few"];
    let (explainer, activations) = one_concept(values, Some(&names));
    let own = Own::new(|_: &ChatRequest| Ok(say("a")));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let wanted = LlmLabels { negative_pole: true, ..LlmLabels::default() };
    wanted.interpret(&explainer, &activations, &chat, &Control::new()).unwrap();
    let shown: Vec<Vec<String>> = own
        .questions
        .lock()
        .unwrap()
        .iter()
        .map(|question| examples(&question.user).into_iter().map(|(_, text)| text).collect())
        .collect();
    assert!(shown.contains(&vec!["all".to_owned(), "every".to_owned(), "each".to_owned()]), "{shown:?}");
}

/// One column, whose only concept is the column itself up to its sign.
fn one_concept(values: Vec<f32>, names: Option<&[&str]>) -> (Explainer, Activations) {
    let activations = Activations::from_rows(values, 1, names).unwrap();
    let explainer = Explainer::fit::<eidos::Ica>(&activations, &eidos::IcaOptions::new(1), &Control::new()).unwrap();
    (explainer, activations)
}

#[test]
fn rows_without_texts_and_options_that_cannot_be_right_are_errors_before_any_request() {
    let own = Own::new(|_: &ChatRequest| Ok(say("a")));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let (explainer, activations) = one_concept(vec![1.0, 2.0, -3.0], None);
    let error = LlmLabels::default().interpret(&explainer, &activations, &chat, &Control::new()).unwrap_err();
    assert!(error.code() == ErrorCode::InvalidArgument && error.message().contains("no texts"), "{error}");
    let wrong = [
        LlmLabels { examples: 0, ..LlmLabels::default() },
        LlmLabels { concepts: Some(vec![CONCEPTS]), ..LlmLabels::default() },
        LlmLabels { concepts: Some(vec![]), ..LlmLabels::default() },
        LlmLabels { sampling: Sampling::Quantile, quantiles: 0, ..LlmLabels::default() },
    ];
    for wanted in wrong {
        assert_eq!(interpret(&chat, &wanted).unwrap_err().code(), ErrorCode::InvalidArgument);
    }
    assert_eq!(own.asked.load(Ordering::Relaxed), 0);
}

#[test]
fn a_concept_that_nothing_excites_is_not_asked_about_and_divides_nothing_by_zero() {
    let (explainer, _) = one_concept(vec![5.0, 1.0, -1.0, -5.0], None);
    let mut code = [0.0];
    explainer.encode(&[5.0], &mut code).unwrap();
    // Rows that all lie on the negative side.
    let values = vec![-4.0 * code[0].signum(), -9.0 * code[0].signum()];
    let activations = Activations::from_rows(values, 1, Some(&["a", "b"])).unwrap();
    let own = Own::new(|_: &ChatRequest| Ok(say("low")));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let wanted = LlmLabels { negative_pole: true, ..LlmLabels::default() };
    let meaning = wanted.interpret(&explainer, &activations, &chat, &Control::new()).unwrap();
    let concept = &meaning.concepts()[0];
    let dead = concept.positive_label.as_ref().unwrap();
    assert!(dead.text.is_none() && dead.error.as_ref().unwrap().message.contains("no positive activation"));
    assert_eq!(concept.negative_label.as_ref().unwrap().text.as_deref(), Some("low"));
    assert_eq!(own.asked.load(Ordering::Relaxed), 1);
    assert!(own.questions.lock().unwrap()[0].user.contains("1. (10) b"));
}

#[test]
fn one_failed_concept_does_not_lose_the_others() {
    let own = Own::new(|request: &ChatRequest| {
        if request.user.contains("unit4\n") {
            return Ok("{\"label\": \"cut".to_owned());
        }
        Ok(say("fine"))
    });
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let wanted = LlmLabels { examples: 200, ..LlmLabels::default() };
    let meaning = interpret(&chat, &wanted).unwrap();
    let (failed, made): (Vec<&Label>, Vec<&Label>) =
        labels(&meaning).into_iter().partition(|label| label.text.is_none());
    assert!(!failed.is_empty() && !made.is_empty());
    assert!(made.iter().all(|label| label.text.as_deref() == Some("fine") && label.error.is_none()));
    for label in failed {
        let error = label.error.as_ref().unwrap();
        assert!(error.code == "unusable_answer" && error.message.contains("cut"), "{}", error.message);
    }
}

#[test]
fn a_model_that_panics_loses_its_own_label_only() {
    let asked = AtomicUsize::new(0);
    let own = Own::new(|_: &ChatRequest| {
        assert!(asked.fetch_add(1, Ordering::Relaxed) != 2, "the third question is too much");
        Ok(say("a"))
    });
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let meaning = interpret(&chat, &LlmLabels::default()).unwrap();
    let made: Vec<bool> = labels(&meaning).iter().map(|label| label.text.is_some()).collect();
    assert_eq!(made, (0..CONCEPTS).map(|concept| concept != 2).collect::<Vec<_>>());
    assert_eq!(labels(&meaning)[2].error.as_ref().unwrap().code, "internal");
}

#[test]
fn when_no_concept_could_be_labelled_the_call_fails_with_the_reason() {
    let own = Own::new(|_: &ChatRequest| Err(Error::new(ErrorCode::AccessDenied, "the key was refused").into()));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let error = interpret(&chat, &LlmLabels::default()).unwrap_err();
    assert_eq!((error.code(), error.message()), (ErrorCode::AccessDenied, "the key was refused"));
    assert_eq!(own.asked.load(Ordering::Relaxed), 1, "the others would be refused too");
}

#[test]
fn a_model_of_the_caller_is_asked_on_the_thread_of_the_caller() {
    let caller = std::thread::current().id();
    let own = Own::new(move |_: &ChatRequest| {
        assert_eq!(std::thread::current().id(), caller);
        Ok::<_, Failure>(say("a"))
    });
    let chat = Chat::with_model(&own, ChatOptions { parallel: 8, ..ChatOptions::default() }).unwrap();
    assert!(interpret(&chat, &LlmLabels::default()).is_ok());
}

#[test]
fn progress_counts_concepts_and_cancelling_keeps_the_labels_that_are_there() {
    let (explainer, activations) = concepts();
    let own = Own::new(|_: &ChatRequest| Ok(say("a")));
    let chat = Chat::with_model(&own, ChatOptions::default()).unwrap();
    let control = Control::new();
    let canceller = control.clone();
    control.set_callback(Some(Box::new(move |progress| {
        if progress.stage == eidos::Stage::Label {
            assert_eq!(progress.total, CONCEPTS as u64);
            if progress.done == 3 {
                canceller.cancel();
            }
        }
    })));
    let meaning = LlmLabels::default().interpret(&explainer, &activations, &chat, &control).unwrap();
    let made = labels(&meaning).iter().filter(|label| label.text.is_some()).count();
    assert_eq!((made, own.asked.load(Ordering::Relaxed)), (3, 3));
    let rest =
        labels(&meaning)[3..].iter().map(|label| label.error.as_ref().unwrap().code.as_str()).collect::<Vec<_>>();
    assert_eq!(rest, ["cancelled"; CONCEPTS - 3]);
    let error = LlmLabels::default().interpret(&explainer, &activations, &chat, &control).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled);
}

#[test]
fn a_dry_run_asks_nothing_and_says_what_a_real_one_asks() {
    let (explainer, activations) = concepts();
    let own = Own::new(|request: &ChatRequest| {
        let passages = request.user.lines().filter(|line| line.contains(". unit")).count();
        Ok(if request.system.contains("You check") {
            format!("{:?}", vec![1; passages])
        } else {
            say("a label of some words")
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let options =
        ChatOptions { model: "own".to_owned(), cache_folder: Some(folder.path().to_owned()), ..ChatOptions::default() };
    let chat = Chat::with_model(&own, options).unwrap();
    let wanted = LlmLabels { scoring: Some(eidos::Scoring::default()), examples: 8, ..LlmLabels::default() };
    let plan = wanted.dry_run(&explainer, &activations, &chat, &Control::new()).unwrap();
    assert_eq!(own.asked.load(Ordering::Relaxed), 0);
    let estimate = plan.labelling().unwrap();
    assert!(estimate.dry_run && estimate.usage.requests > CONCEPTS as u64 && estimate.usage.prompt_tokens > 500);
    let meaning = wanted.interpret(&explainer, &activations, &chat, &Control::new()).unwrap();
    assert_eq!(meaning.labelling().unwrap().usage.requests, estimate.usage.requests);
    let questions = own.questions.lock().unwrap();
    let bytes: usize = questions.iter().map(|question| question.system.len() + question.user.len()).sum();
    assert!((estimate.usage.prompt_tokens as f64 / (bytes as f64 / 4.0) - 1.0).abs() < 0.05);
    for label in labels(&plan) {
        assert!(label.text.is_none() && label.score.is_none() && label.error.is_none());
        assert!(questions.iter().any(|question| Some(&question.user) == label.prompt.as_ref()));
    }
    drop(questions);
    let again = wanted.dry_run(&explainer, &activations, &chat, &Control::new()).unwrap();
    let usage = again.labelling().unwrap().usage;
    assert_eq!((usage.requests, usage.cached), (0, estimate.usage.requests), "everything is in the cache");
}

#[cfg(feature = "chat")]
mod over_http {
    use std::sync::Arc;
    use std::time::Duration;

    use eidos::Budget;

    use super::*;
    use crate::chat::client::options;
    use crate::chat::server::{Play, Server};
    use crate::common::wait_until;

    #[test]
    fn no_more_requests_are_on_their_way_than_allowed() {
        for parallel in [1, 3] {
            // The first answers wait until as many requests came as are allowed, and all of them for one too many.
            let arrived = AtomicUsize::new(0);
            let server = Server::start(move |_, _| {
                arrived.fetch_add(1, Ordering::Relaxed);
                wait_until(|| arrived.load(Ordering::Relaxed) >= parallel);
                std::thread::sleep(Duration::from_millis(60));
                Play::Say(say("a"))
            });
            let chat = Chat::open(ChatOptions { parallel, ..options(&server) }).unwrap();
            let meaning = interpret(&chat, &LlmLabels::default()).unwrap();
            assert!(labels(&meaning).iter().all(|label| label.text.is_some()));
            assert_eq!((server.count(), server.most_at_once()), (CONCEPTS, parallel));
        }
    }

    #[test]
    fn the_result_does_not_depend_on_the_order_of_the_answers() {
        let run = |parallel: usize| {
            let server = Server::start(|number, request| {
                std::thread::sleep(Duration::from_millis(if number % 2 == 0 { 60 } else { 0 }));
                let prompt = request.body["messages"][1]["content"].as_str().unwrap();
                Play::Say(say(&examples(prompt)[0].1))
            });
            let chat = Chat::open(ChatOptions { parallel, ..options(&server) }).unwrap();
            interpret(&chat, &LlmLabels::default()).unwrap()
        };
        assert_eq!(run(1), run(5));
    }

    #[test]
    fn an_interrupted_run_goes_on_where_it_stopped() {
        let server = Server::start(|_, _| Play::Say(say("a")));
        let folder = tempfile::tempdir().unwrap();
        let with = |requests: Option<u64>| {
            let budget = Budget { requests, tokens: None };
            let cache_folder = Some(folder.path().to_owned());
            Chat::open(ChatOptions { budget, cache_folder, ..options(&server) }).unwrap()
        };
        let meaning = interpret(&with(Some(5)), &LlmLabels::default()).unwrap();
        let made = |meaning: &Interpretation| labels(meaning).iter().filter(|label| label.text.is_some()).count();
        assert_eq!((made(&meaning), server.count()), (5, 5));
        let left: Vec<&str> =
            labels(&meaning).iter().filter_map(|label| Some(label.error.as_ref()?.code.as_str())).collect();
        assert_eq!(left, ["budget_exhausted"; CONCEPTS - 5]);
        let meaning = interpret(&with(None), &LlmLabels::default()).unwrap();
        assert_eq!((made(&meaning), server.count()), (CONCEPTS, CONCEPTS));
        let usage = meaning.labelling().unwrap().usage;
        assert_eq!((usage.requests, usage.cached), (3, 5));
        assert!(interpret(&with(Some(0)), &LlmLabels::default()).is_ok());
        assert_eq!(server.count(), CONCEPTS);
    }

    #[test]
    fn what_the_cache_knows_waits_for_no_slow_server() {
        let finished = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&finished);
        let server = Server::start(move |number, _| {
            // The model has no answer to the fifth question before the other four concepts have their labels.
            wait_until(|| number < 4 || counted.load(Ordering::Relaxed) == 4);
            Play::Say(say("a"))
        });
        let folder = tempfile::tempdir().unwrap();
        let options = ChatOptions { cache_folder: Some(folder.path().to_owned()), parallel: 1, ..options(&server) };
        let later = LlmLabels { concepts: Some(vec![4, 5, 6, 7]), ..LlmLabels::default() };
        interpret(&Chat::open(options.clone()).unwrap(), &later).unwrap();
        let (explainer, activations) = concepts();
        let chat = Chat::open(options).unwrap();
        let counting = Arc::clone(&finished);
        let control = Control::with_callback(move |progress| {
            if progress.stage == eidos::Stage::Label {
                counting.store(progress.done as usize, Ordering::Relaxed);
            }
        });
        let wanted = LlmLabels { concepts: Some(vec![0, 4, 5, 6, 7]), ..LlmLabels::default() };
        let meaning = wanted.interpret(&explainer, &activations, &chat, &control).unwrap();
        assert!(labels(&meaning).iter().all(|label| label.text.is_some()));
        assert_eq!((finished.load(Ordering::Relaxed), server.count()), (5, 5));
    }

    #[test]
    fn a_refused_key_stops_the_requests_and_keeps_what_the_cache_knows() {
        let server = Server::start(|number, _| match number {
            0 | 1 => Play::Say(say("a")),
            _ => Play::Status(401, "", String::new()),
        });
        let folder = tempfile::tempdir().unwrap();
        let options = ChatOptions { cache_folder: Some(folder.path().to_owned()), parallel: 2, ..options(&server) };
        let two = LlmLabels { concepts: Some(vec![0, 1]), ..LlmLabels::default() };
        interpret(&Chat::open(options.clone()).unwrap(), &two).unwrap();
        let meaning = interpret(&Chat::open(options).unwrap(), &LlmLabels::default()).unwrap();
        let made: Vec<bool> = labels(&meaning).iter().map(|label| label.text.is_some()).collect();
        assert_eq!(made, [true, true, false, false, false, false, false, false]);
        assert!(labels(&meaning)[2..].iter().all(|label| label.error.as_ref().unwrap().code == "access_denied"));
        assert!((3..=4).contains(&server.count()), "{}", server.count());
    }
}
