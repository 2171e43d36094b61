//! The file of a SentencePiece model: pieces with scores, how it was trained, how it normalizes texts.

use super::protobuf::{Field, Message};
use crate::error::{Error, Result};
use crate::text::vetting::invalid;

/// A SentencePiece model, as far as transformers reads it.
#[derive(Debug)]
pub(super) struct PieceModel {
    pub pieces: Vec<Piece>,
    pub algorithm: Algorithm,
    pub byte_fallback: bool,
    /// Whether SentencePiece puts a space in front of a text.
    pub space_in_front: bool,
    /// A map of characters, empty where texts stay as they are.
    pub charsmap: Vec<u8>,
    pub unknown: Symbol,
    pub beginning: Symbol,
    pub end: Symbol,
}

/// A piece of text and its logarithmic probability.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub text: String,
    pub score: f32,
    pub kind: Kind,
}

/// What a piece is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A part of words, a byte, or what stands for something unknown.
    Plain,
    /// A mark that no text has in it.
    Control,
    /// Found in a text before it is split.
    UserDefined,
}

/// How texts are split into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// The most probable pieces.
    Unigram,
    /// Pieces that are merged, the best first.
    Bpe,
    /// Words or characters, which no model here has.
    Other,
}

/// A special token: its id, negative where there is none, and its text.
#[derive(Debug)]
pub(super) struct Symbol {
    pub id: i64,
    pub text: String,
}

impl Symbol {
    fn new(id: i64, text: &str) -> Self {
        Self { id, text: text.to_owned() }
    }

    /// Its text, if there is such a token.
    pub fn there(&self) -> Option<&str> {
        (self.id >= 0).then_some(&*self.text)
    }
}

/// What reads a field of a message: what is wrong with it, as a predicate.
type Read<'r, 'a> = &'r mut dyn FnMut(u64, Field<'a>) -> Result<(), String>;

impl PieceModel {
    /// # Errors
    /// [`ErrorCode::InvalidFile`](crate::ErrorCode::InvalidFile) for bytes that are no such model.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self> {
        let mut model = Self {
            pieces: Vec::new(),
            algorithm: Algorithm::Unigram,
            byte_fallback: false,
            space_in_front: true,
            charsmap: Vec::new(),
            unknown: Symbol::new(0, "<unk>"),
            beginning: Symbol::new(1, "<s>"),
            end: Symbol::new(2, "</s>"),
        };
        let wrong = |what: String| not_a_model(file, &what);
        each(bytes, &mut |number, field| match (number, field) {
            (1, Field::Bytes(bytes)) => {
                let piece = Piece::read(bytes).map_err(|what| format!("{what}, in piece {}", model.pieces.len()))?;
                model.pieces.push(piece);
                Ok(())
            }
            (2, Field::Bytes(bytes)) => each(bytes, &mut |number, field| model.training(number, field)),
            (3, Field::Bytes(bytes)) => each(bytes, &mut |number, field| {
                model.normalization(number, field);
                Ok(())
            }),
            _ => Ok(()),
        })
        .map_err(wrong)?;
        if model.pieces.is_empty() {
            return Err(wrong("has no pieces".to_owned()));
        }
        Ok(model)
    }

    fn training(&mut self, number: u64, field: Field<'_>) -> Result<(), String> {
        match (number, field) {
            (3, Field::Number(algorithm)) => {
                self.algorithm = match algorithm {
                    1 => Algorithm::Unigram,
                    2 => Algorithm::Bpe,
                    _ => Algorithm::Other,
                };
            }
            (35, Field::Number(flag)) => self.byte_fallback = flag != 0,
            // Negative numbers are written as those of 64 bits.
            (40, Field::Number(id)) => self.unknown.id = id as i64,
            (41, Field::Number(id)) => self.beginning.id = id as i64,
            (42, Field::Number(id)) => self.end.id = id as i64,
            (45, Field::Bytes(bytes)) => self.unknown.text = text(bytes)?,
            (46, Field::Bytes(bytes)) => self.beginning.text = text(bytes)?,
            (47, Field::Bytes(bytes)) => self.end.text = text(bytes)?,
            _ => {}
        }
        Ok(())
    }

    fn normalization(&mut self, number: u64, field: Field<'_>) {
        match (number, field) {
            (2, Field::Bytes(bytes)) => bytes.clone_into(&mut self.charsmap),
            (3, Field::Number(flag)) => self.space_in_front = flag != 0,
            _ => {}
        }
    }
}

impl Piece {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut piece = Self { text: String::new(), score: 0.0, kind: Kind::Plain };
        each(bytes, &mut |number, field| {
            match (number, field) {
                (1, Field::Bytes(bytes)) => piece.text = text(bytes)?,
                (2, Field::Float(score)) if score.is_finite() => piece.score = score,
                (2, Field::Float(score)) => return Err(format!("has the score {score}")),
                (3, Field::Number(kind)) => {
                    piece.kind = match kind {
                        3 => Kind::Control,
                        4 => Kind::UserDefined,
                        _ => Kind::Plain,
                    };
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(piece)
    }
}

fn each<'a>(bytes: &'a [u8], read: Read<'_, 'a>) -> Result<(), String> {
    let mut message = Message::new(bytes);
    while let Some((number, field)) = message.next()? {
        read(number, field)?;
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "has a text that is not UTF-8".to_owned())
}

/// The error for a file that is none of SentencePiece.
fn not_a_model(file: &str, what: &str) -> Error {
    invalid(file, format!("is not a model of SentencePiece: it {what}"))
}
