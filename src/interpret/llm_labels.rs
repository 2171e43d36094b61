//! Labels for concepts, written by a language model.
//!
//! ```text
//! columns ──► examples, test passages ──► cache ──► language model ──► labels ──► judgements ──► scores
//! ```
//!
//! What the model is asked depends on the activations, the options and the seed only, so that a run which is made again
//! finds all answers in the cache.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::asking::{Cached, Estimate, Live, Source, side_by_side};
use super::codes::{columns, concepts_at_a_time};
use super::detection::{Scoring, TestPassage, score};
use super::examples::{Examples, Test};
use super::interpretation::{ConceptInputs, Interpretation, Pole};
use super::label::{Label, Labelling};
use super::options::LlmLabels;
use super::passages::Passages;
use super::prompts::{
    DETECTION_SYSTEM, LABEL_SYSTEM, answers_schema, detection_question, label_schema, read_answers, read_label,
};
use super::sampling::Sampling;
use super::selection::{check_width, checked_concepts};
use crate::chat::{Account, Chat};
use crate::concepts::Explainer;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result, shown};
use crate::log::LogLevel;
use crate::rows::{Activations, Rows};

/// About how many tokens a label takes, for estimates.
const LABEL_TOKENS: u64 = 16;

impl LlmLabels {
    /// Labels the concepts. The inputs of the result are the examples that the model saw.
    ///
    /// A concept that cannot be labelled does not lose the others: its label says why. So do those that were not asked
    /// for any more because the caller cancelled, the budget was spent or the key refused; with a cache folder, a later
    /// call goes on there.
    ///
    /// Memory: 4 bytes per row and concept for as many concepts as fit in 1 GiB, and the texts of all prompts.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for options that cannot be right and for rows without texts;
    /// [`ErrorCode::Mismatch`] when the activations have another width than the explainer; [`ErrorCode::Cancelled`]
    /// before the first label. When not one concept could be labelled: the error of [`Chat::ask`] about the first.
    pub fn interpret(
        &self,
        explainer: &Explainer,
        activations: &Activations,
        chat: &Chat<'_>,
        control: &Control,
    ) -> Result<Interpretation> {
        let account = Account::default();
        let jobs = self.jobs(explainer, activations, control)?;
        let labels = self.label_all(&jobs, chat, &account, control)?;
        if let Some(error) = nothing_labelled(&labels) {
            return Err(error);
        }
        let labels = labels.into_iter().map(|labels| labels.into_iter().map(|(label, _)| label).collect()).collect();
        let labelling = Labelling { model: chat.model().to_owned(), usage: account.usage(), dry_run: false };
        Ok(finished(activations, jobs, labels, labelling))
    }

    /// What [`LlmLabels::interpret`] would ask, without asking: the labels have prompts instead of texts, and the usage
    /// is an estimate (four bytes a token; answers as long as they usually are).
    ///
    /// # Errors
    /// As [`LlmLabels::interpret`].
    pub fn dry_run(
        &self,
        explainer: &Explainer,
        activations: &Activations,
        chat: &Chat<'_>,
        control: &Control,
    ) -> Result<Interpretation> {
        let jobs = self.jobs(explainer, activations, control)?;
        let estimate = Estimate::new(chat);
        let planned = |pole: &Examples| {
            let label = self.label(pole, chat, &estimate).map(|(label, _)| label).unwrap_or_default();
            let prompt = label.text.is_some().then(|| pole.question.clone());
            Label { prompt, text: None, score: None, ..label }
        };
        let plan = |job: &Job| {
            control.check()?;
            Ok(job.poles.iter().map(planned).collect())
        };
        let labels = jobs.iter().map(plan).collect::<Result<_>>()?;
        let usage = estimate.usage();
        let labelling = Labelling { model: chat.model().to_owned(), usage, dry_run: true };
        Ok(finished(activations, jobs, labels, labelling))
    }

    /// Everything that can be known before the first request.
    fn jobs(&self, explainer: &Explainer, activations: &Activations, control: &Control) -> Result<Vec<Job>> {
        if self.examples == 0 || (self.sampling == Sampling::Quantile && self.quantiles == 0) {
            return Err(Error::argument("labels from 0 examples or quantiles were asked for")
                .hint("ask for at least one example and one quantile"));
        }
        self.scoring.as_ref().map_or(Ok(()), Scoring::check)?;
        let concepts = checked_concepts(self.concepts.as_deref(), explainer.concept_count())?;
        check_width(explainer, Rows::column_count(activations))?;
        let passages = Passages::new(activations, self.context)?;
        let mut jobs = Vec::with_capacity(concepts.len());
        for group in concepts.chunks(concepts_at_a_time(Rows::row_count(activations))) {
            for (&concept, mut column) in group.iter().zip(columns(explainer, activations, group, control)?) {
                control.check()?;
                let mut poles = vec![Examples::choose(self, concept, Pole::Positive, &column, &passages, control)?];
                if self.negative_pole {
                    column.iter_mut().for_each(|value| *value = -*value);
                    poles.push(Examples::choose(self, concept, Pole::Negative, &column, &passages, control)?);
                }
                jobs.push(Job { concept, poles });
            }
        }
        Ok(jobs)
    }

    /// Labels all concepts, in their order: first those that the cache knows, on this thread, then the others, side by
    /// side. Progress is counted in concepts. From the start of this stage on, cancelling keeps what is there.
    fn label_all(
        &self,
        jobs: &[Job],
        chat: &Chat<'_>,
        account: &Account,
        control: &Control,
    ) -> Result<Vec<Vec<Labelled>>> {
        control.begin(Stage::Label, jobs.len() as u64)?;
        // A cancel shows in the labels that are not made any more.
        let count = || drop(control.advance(1));
        let mut labels: Vec<Option<Vec<Labelled>>> = Vec::new();
        for job in jobs {
            let cached = Cached::new(chat);
            let known = job.poles.iter().map(|pole| self.label(pole, chat, &cached)).collect::<Option<Vec<_>>>();
            if known.is_some() {
                chat.count_recalled(cached.found(), account);
                count();
            }
            labels.push(known);
        }
        let left: Vec<usize> = (0..jobs.len()).filter(|&job| labels[job].is_none()).collect();
        control.log(LogLevel::Info, c"chat", || {
            let (all, known) = (jobs.len(), jobs.len() - left.len());
            format!(
                "labelling {all} concepts with {}; the cache has the answers about {known} of them",
                shown(chat.model())
            )
        });
        let live = Live { chat, account, control };
        let label = |job: usize| {
            let made = |pole: &Examples| kept(|| self.label(pole, chat, &live).unwrap_or_default());
            jobs[job].poles.iter().map(made).collect::<Vec<_>>()
        };
        // A budget that is spent is the fault of all concepts that follow, and told once.
        let mut told = String::new();
        side_by_side(&left, chat.parallel(), control, label, |job, made| {
            let concept = jobs[job].concept;
            for error in made.iter().filter_map(|(label, _)| label.error.as_ref()) {
                if error.message != told && !control.is_cancelled() {
                    control.log(LogLevel::Warning, c"chat", || format!("concept {concept}: {}", error.message));
                    told.clone_from(&error.message);
                }
            }
            labels[job] = Some(made);
            count();
        });
        Ok(labels.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Asks for the label of one pole, and scores it; `None` when the source has no answer and may not ask for one.
    fn label(&self, pole: &Examples, chat: &Chat<'_>, source: &impl Source) -> Option<Labelled> {
        if let Some(problem) = &pole.problem {
            return Some((Label { error: Some(problem.clone()), ..Label::default() }, None));
        }
        let system = self.system_prompt.as_deref().unwrap_or(LABEL_SYSTEM);
        let request = chat.request(system, &pole.question, Some(label_schema()));
        let text = match source.ask(&request, LABEL_TOKENS, read_label, || "a label of some words".to_owned())? {
            Ok(text) => text,
            Err(error) => return Some((Label { error: Some((&error).into()), ..Label::default() }, Some(error))),
        };
        let mut label = Label { text: Some(text), ..Label::default() };
        match &pole.test {
            Test::NotWanted => {}
            Test::TooFew => label.error = Some((&too_few()).into()),
            Test::Passages(test) => self.score(test, &mut label, chat, source)?,
        }
        Some((label, None))
    }

    /// Lets the model judge the passages, some at a time.
    fn score(&self, test: &[TestPassage], label: &mut Label, chat: &Chat<'_>, source: &impl Source) -> Option<()> {
        let text = label.text.as_deref().unwrap_or_default();
        let mut judged = Vec::with_capacity(test.len());
        for passages in test.chunks(self.scoring.unwrap_or_default().per_request) {
            let texts: Vec<&str> = passages.iter().map(|passage| passage.text.as_str()).collect();
            let question = detection_question(text, &texts);
            let request = chat.request(DETECTION_SYSTEM, &question, Some(answers_schema()));
            let count = texts.len();
            let answer_tokens = 3 * count as u64 + 8;
            let answer = source.ask(&request, answer_tokens, |text| read_answers(text, count), || vec![true; count])?;
            match answer {
                Ok(answers) => judged.extend(answers.into_iter().map(Some)),
                Err(error) => {
                    judged.resize(judged.len() + count, None);
                    label.error = Some((&error.within("some passages were not judged")).into());
                }
            }
        }
        label.score = score(test, &judged);
        Some(())
    }
}

/// A label, and the error where there is none.
type Labelled = (Label, Option<Error>);

/// Makes a label. A defect in the library or in a caller's own model loses this label and no other.
fn kept(make: impl FnOnce() -> Labelled) -> Labelled {
    catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|_| {
        let error = Error::internal("asking for a label ended in a panic");
        (Label { error: Some((&error).into()), ..Label::default() }, Some(error))
    })
}

/// What there is to do for one concept.
struct Job {
    concept: usize,
    poles: Vec<Examples>,
}

/// The error to give when not one concept has a label: of those about asking the first, else that there is nothing to
/// ask.
fn nothing_labelled(labels: &[Vec<Labelled>]) -> Option<Error> {
    let all = || labels.iter().flatten();
    if all().any(|(label, _)| label.text.is_some()) {
        return None;
    }
    all().find_map(|(_, error)| error.clone())
}

fn too_few() -> Error {
    Error::new(ErrorCode::InvalidData, "there are too few unseen passages to score the label")
        .hint("use more texts, fewer examples or a lower scoring threshold")
}

fn finished(
    activations: &Activations,
    jobs: Vec<Job>,
    labels: Vec<Vec<Label>>,
    labelling: Labelling,
) -> Interpretation {
    let concepts = jobs.into_iter().zip(labels).map(|(job, labels)| {
        let mut poles = job.poles.into_iter().map(|pole| pole.inputs);
        let mut labels = labels.into_iter();
        ConceptInputs {
            concept: job.concept,
            positive: poles.next().unwrap_or_default(),
            negative: poles.next().unwrap_or_default(),
            positive_label: labels.next(),
            negative_label: labels.next(),
        }
    });
    Interpretation::new(activations.provenance().clone(), concepts.collect()).with_labelling(labelling)
}
