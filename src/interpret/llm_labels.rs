//! Labels for concepts, written by a language model.
//!
//! ```text
//! columns ──► examples, test passages ──► cache ──► language model ──► labels ──► judgements ──► scores
//! ```
//!
//! The requests depend only on the activations, the options and the seed, so a run that is repeated finds all its
//! answers in the cache.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::codes::{columns, groups};
use super::detection::{Scoring, TestPassage, score};
use super::examples::{Examples, Test};
use super::interpretation::{ConceptInputs, Interpretation, Pole};
use super::label::{Label, Labelling};
use super::options::LlmLabels;
use super::passages::Passages;
use super::prompts::{DETECTION_SYSTEM, LABEL_SYSTEM, answers_schema, detection_message, label_schema};
use super::requests::{AnswerSource, CacheOnly, CacheThenModel, Estimate, ForJudgements, ForLabel};
use super::sampling::Sampling;
use super::selection::checked_concepts;
use crate::chat::{Chat, Session};
use crate::concepts::Explainer;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result, shown};
use crate::log::LogLevel;
use crate::parallel::as_finished;
use crate::rows::{Activations, Rows};

impl LlmLabels {
    /// Labels the concepts. The inputs of the result are the examples that the model saw.
    ///
    /// A concept that cannot be labelled does not affect the others: its label holds the error. So do the labels of
    /// concepts for which no request was sent any more, because the caller cancelled, the budget was exhausted or the
    /// key was refused. With a cache folder, a later call continues from there.
    ///
    /// Memory: 8 bytes for each code that is not zero, of as many concepts as fit in 1 GiB, 4 bytes a row, and the texts of all prompts.
    /// Where not all concepts fit, the rows are encoded once to count, and once for each GiB.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for invalid options and for rows without texts; [`ErrorCode::Mismatch`] when the
    /// activations have another width than the explainer; [`ErrorCode::Cancelled`] before the first label. When no
    /// concept could be labelled: the error of [`Chat::ask`] for the first one.
    pub fn interpret(
        &self,
        explainer: &Explainer,
        activations: &Activations,
        chat: &Chat<'_>,
        control: &Control,
    ) -> Result<Interpretation> {
        let session = Session::default();
        let jobs = self.jobs(explainer, activations, control)?;
        let labels = self.label_all(&jobs, chat, &session, control)?;
        if let Some(error) = nothing_labelled(&labels) {
            return Err(error);
        }
        let labels = labels.into_iter().map(|labels| labels.into_iter().map(|(label, _)| label).collect()).collect();
        let labelling = Labelling { model: chat.model().to_owned(), usage: session.usage(), dry_run: false };
        Ok(assemble(activations, jobs, labels, labelling))
    }

    /// Returns the requests that [`LlmLabels::interpret`] would send, without sending any: the labels have prompts
    /// instead of texts, and the usage is an estimate (four bytes a token, answers of the usual length).
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
            let prompt = label.text.is_some().then(|| pole.user_message.clone());
            Label { prompt, text: None, score: None, ..label }
        };
        let plan = |job: &Job| {
            control.check()?;
            Ok(job.poles.iter().map(planned).collect())
        };
        let labels = jobs.iter().map(plan).collect::<Result<_>>()?;
        let usage = estimate.usage();
        let labelling = Labelling { model: chat.model().to_owned(), usage, dry_run: true };
        Ok(assemble(activations, jobs, labels, labelling))
    }

    /// Prepares the examples and test passages of all concepts, before the first request.
    fn jobs(&self, explainer: &Explainer, activations: &Activations, control: &Control) -> Result<Vec<Job>> {
        if self.examples == 0 || (self.sampling == Sampling::Quantile && self.quantiles == 0) {
            return Err(Error::argument("the number of examples or of quantiles is 0").hint("set both to at least 1"));
        }
        self.scoring.as_ref().map_or(Ok(()), Scoring::check)?;
        let concepts = checked_concepts(self.concepts.as_deref(), explainer.concept_count())?;
        explainer.check_width(Rows::column_count(activations))?;
        let passages = Passages::new(activations, self.context)?;
        let mut jobs = Vec::with_capacity(concepts.len());
        let mut strength = vec![0.0; Rows::row_count(activations)];
        for group in groups(explainer, activations, &concepts, control)? {
            for (&concept, column) in group.iter().zip(columns(explainer, activations, group, control)?) {
                control.check()?;
                let mut poles = Vec::new();
                for pole in [Pole::Positive, Pole::Negative].into_iter().take(1 + usize::from(self.negative_pole)) {
                    let sign = if pole == Pole::Positive { 1.0 } else { -1.0 };
                    let rows = || column.rows.iter().map(|&row| row as usize);
                    rows().zip(&column.codes).for_each(|(row, code)| strength[row] = sign * code);
                    let active: Vec<usize> = rows().collect();
                    poles.push(Examples::choose(self, concept, pole, &strength, &active, &passages, control)?);
                    rows().for_each(|row| strength[row] = 0.0);
                }
                jobs.push(Job { concept, poles });
            }
        }
        Ok(jobs)
    }

    /// Labels all concepts, in their order: first those whose answers are all cached, on this thread, then the others
    /// in parallel. Progress is counted in concepts. Once this stage has begun, cancelling keeps the labels that exist.
    fn label_all(
        &self,
        jobs: &[Job],
        chat: &Chat<'_>,
        session: &Session,
        control: &Control,
    ) -> Result<Vec<Vec<Labelled>>> {
        control.begin(Stage::Label, jobs.len() as u64)?;
        // A cancel is reported by the labels that are no longer made.
        let count = || drop(control.advance(1));
        let mut labels: Vec<Option<Vec<Labelled>>> = Vec::new();
        for job in jobs {
            let cached = CacheOnly::new(chat);
            let known = job.poles.iter().map(|pole| self.label(pole, chat, &cached)).collect::<Option<Vec<_>>>();
            if known.is_some() {
                chat.count_cached(cached.hits(), session);
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
        let live = CacheThenModel { chat, session, control };
        let label = |job: usize| {
            let made = |pole: &Examples| without_panic(|| self.label(pole, chat, &live).unwrap_or_default());
            jobs[job].poles.iter().map(made).collect::<Vec<_>>()
        };
        // An exhausted budget fails all concepts that follow; it is logged once.
        let mut logged = String::new();
        as_finished(&left, chat.parallel(), control, label, |job, made| {
            let concept = jobs[job].concept;
            for error in made.iter().filter_map(|(label, _)| label.error.as_ref()) {
                if error.message != logged && !control.is_cancelled() {
                    control.log(LogLevel::Warning, c"chat", || format!("concept {concept}: {}", error.message));
                    logged.clone_from(&error.message);
                }
            }
            labels[job] = Some(made);
            count();
        });
        Ok(labels.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Requests the label of one pole and scores it; `None` when the source has no answer and sends no requests.
    fn label(&self, pole: &Examples, chat: &Chat<'_>, source: &impl AnswerSource) -> Option<Labelled> {
        if let Some(problem) = &pole.problem {
            return Some((Label { error: Some(problem.clone()), ..Label::default() }, None));
        }
        let system = self.system_prompt.as_deref().unwrap_or(LABEL_SYSTEM);
        let request = chat.request(system, &pole.user_message, Some(label_schema()));
        let text = match source.answer(&request, &ForLabel)? {
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

    /// Has the model judge the test passages, `per_request` at a time.
    fn score(
        &self,
        test: &[TestPassage],
        label: &mut Label,
        chat: &Chat<'_>,
        source: &impl AnswerSource,
    ) -> Option<()> {
        let text = label.text.as_deref().unwrap_or_default();
        let mut judged = Vec::with_capacity(test.len());
        for passages in test.chunks(self.scoring.unwrap_or_default().per_request) {
            let texts: Vec<&str> = passages.iter().map(|passage| passage.text.as_str()).collect();
            let user_message = detection_message(text, &texts);
            let request = chat.request(DETECTION_SYSTEM, &user_message, Some(answers_schema()));
            let count = texts.len();
            match source.answer(&request, &ForJudgements(count))? {
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

/// Makes a label. A panic, in the library or in a caller's own model, loses this label and no other.
fn without_panic(make: impl FnOnce() -> Labelled) -> Labelled {
    catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|_| {
        let error = Error::internal("the request for a label ended in a panic");
        (Label { error: Some((&error).into()), ..Label::default() }, Some(error))
    })
}

/// The examples and test passages of one concept.
struct Job {
    concept: usize,
    poles: Vec<Examples>,
}

/// The error to return when no concept has a label: the first that a request ended with. `None` where no request
/// failed, because there was nothing to label.
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

fn assemble(
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
