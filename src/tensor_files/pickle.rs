//! The part of Python's pickle format that PyTorch writes checkpoints in, read without running anything.
//!
//! A pickle is a program for a small stack machine. Here its values are nodes of a list that refer to each other by
//! number, so that reading takes memory in proportion to the file, whatever it says, and nothing is nested in memory. A
//! call is only ever carried out for the few functions that rebuild tensors, as what they mean; any other is an error.

use std::collections::HashMap;
use std::ops::Range;

/// The number of a value in [`Pickle`].
pub(super) type Id = usize;

/// A value. What it holds are numbers of other values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    /// `None` or a number that is not whole: nothing that tensors are found by.
    Other,
    /// A truth value.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A string.
    Text(&'a str),
    /// A class or function, by its module and name.
    Global(&'a str, &'a str),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list.
    List(Vec<Id>),
    /// A dictionary, as pairs in the order in which they were set.
    Dictionary(Vec<(Id, Id)>),
    /// What the file has beside the pickle under this name.
    Persistent(Id),
    /// A function of `torch._utils` and what it was called with.
    Call(&'a str, Id),
}

/// The numbers that tensors are views of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage<'a> {
    /// The class, which says what type of number it holds.
    pub class: &'a str,
    /// The name under which the file has it.
    pub key: &'a str,
    /// How many numbers it has.
    pub count: usize,
    /// Which of them are meant.
    pub view: Range<usize>,
}

/// A pickle that was read.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    values: Vec<Value<'a>>,
    /// What the whole pickle is.
    pub root: Id,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle of protocol 2 to 5. Returns it with the bytes behind it.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with the file's name.
    pub fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), String> {
        let mut machine =
            Machine { rest: bytes, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
        loop {
            if let Some(root) = machine.step()? {
                return Ok((Self { values: machine.values, root }, machine.rest));
            }
        }
    }

    /// A value by its number.
    pub fn value(&self, id: Id) -> &Value<'a> {
        self.values.get(id).unwrap_or(&Value::Other)
    }

    /// What the file has beside the pickle, in the order in which it is named, as often as it is.
    pub fn persistent(&self) -> impl Iterator<Item = Id> {
        self.values.iter().filter_map(|value| match value {
            Value::Persistent(id) => Some(*id),
            _ => None,
        })
    }

    /// A storage by its description: `("storage", class, key, device, count)`, and perhaps the part that is meant. Nothing
    /// where it is not described as one.
    pub fn storage(&self, description: Id) -> Option<Storage<'a>> {
        let [_, class, key, _, count, view @ ..] = self.items(description)? else { return None };
        let Value::Global(_, class) = self.value(*class) else { return None };
        let (key, count) = (self.text(*key)?, self.size(*count)?);
        let view = match view.first().and_then(|view| self.items(*view)) {
            Some([_, first, length]) => {
                let first = self.size(*first)?;
                first..first.checked_add(self.size(*length)?).filter(|end| *end <= count)?
            }
            Some(_) => return None,
            None => 0..count,
        };
        Some(Storage { class, key, count, view })
    }

    /// The values in a tuple or list.
    pub fn items(&self, id: Id) -> Option<&[Id]> {
        match self.value(id) {
            Value::Tuple(items) | Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// A tuple of sizes, as many as PyTorch allows: a million tensors may share one tuple, and each gets a copy.
    pub fn sizes(&self, id: Id) -> Option<Vec<usize>> {
        const MOST_SIDES: usize = 64;
        self.items(id).filter(|items| items.len() <= MOST_SIDES)?.iter().map(|item| self.size(*item)).collect()
    }

    /// A whole number of at least 0.
    pub fn size(&self, id: Id) -> Option<usize> {
        match self.value(id) {
            Value::Integer(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    /// A string.
    pub fn text(&self, id: Id) -> Option<&'a str> {
        match self.value(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The stack machine. Each step takes at least one byte and makes at most one value.
struct Machine<'a> {
    rest: &'a [u8],
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// How long the stack was at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Carries out one instruction. Returns the result after the last one.
    fn step(&mut self) -> Result<Option<Id>, String> {
        match self.byte()? {
            // Protocol, frame: nothing depends on them.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'.' => return self.pop().map(Some),

            b'N' => self.push(Value::Other),
            flag @ (0x88 | 0x89) => self.push(Value::Flag(flag == 0x88)),
            b'G' => {
                self.take(8)?;
                self.push(Value::Other);
            }
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Value::Integer(number.into()));
            }
            b'K' => {
                let number = self.byte()?;
                self.push(Value::Integer(number.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.array()?);
                self.push(Value::Integer(number.into()));
            }
            0x8a => {
                let length = self.byte()?.into();
                let number = signed(self.take(length)?);
                self.push(number.map_or(Value::Other, Value::Integer));
            }
            b'X' | b'T' => {
                let length = u32::from_le_bytes(self.array()?);
                self.string(length.into())?;
            }
            // The letters are those of Python 2.
            b'U' | 0x8c => {
                let length = self.byte()?;
                self.string(length.into())?;
            }
            0x8d => {
                let length = u64::from_le_bytes(self.array()?);
                self.string(length)?;
            }

            b'(' => self.marks.push(self.stack.len()),
            b')' => self.push(Value::Tuple(Vec::new())),
            b't' => {
                let items = self.above_mark()?;
                self.push(Value::Tuple(items));
            }
            instruction @ 0x85..=0x87 => {
                let count = usize::from(instruction - 0x84);
                let start = self.stack.len().checked_sub(count).ok_or_else(empty)?;
                let items = self.stack.split_off(start);
                self.push(Value::Tuple(items));
            }
            b']' => self.push(Value::List(Vec::new())),
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.above_mark()?;
                self.append(items)?;
            }
            b'}' => self.push(Value::Dictionary(Vec::new())),
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.above_mark()?;
                self.set(&items)?;
            }

            b'q' => {
                let name = self.byte()?;
                self.remember(name.into())?;
            }
            b'r' => {
                let name = u32::from_le_bytes(self.array()?);
                self.remember(name)?;
            }
            0x94 => self.remember(u32::try_from(self.memo.len()).map_err(|_| empty())?)?,
            b'h' => {
                let name = self.byte()?;
                self.recall(name.into())?;
            }
            b'j' => {
                let name = u32::from_le_bytes(self.array()?);
                self.recall(name)?;
            }

            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.push(Value::Global(module, name));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(Value::Text(name)), Some(Value::Text(module))) =
                    (self.values.get(name), self.values.get(module))
                else {
                    return Err("is a damaged pickle: the name of a class is no string".to_owned());
                };
                self.push(Value::Global(module, name));
            }
            b'Q' => {
                let name = self.pop()?;
                self.push(Value::Persistent(name));
            }
            b'R' | 0x81 => self.call()?,
            // What an object is given after it was made (versions, hooks; no tensor lies there), or a value that is not
            // used.
            b'b' | b'0' => drop(self.pop()?),
            other => return Err(format!("is a pickle with the instruction {other:#04x}, which no checkpoint has")),
        }
        Ok(None)
    }

    /// Calls a function, if it is one that checkpoints call.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (module, name) = match self.values.get(function) {
            Some(Value::Global(module, name)) => (*module, *name),
            Some(Value::Persistent(_)) => {
                return Err(
                    "holds a whole model of a class in Python, not its tensors (`state_dict`), and asks to run it, \
                            which is not done"
                        .to_owned(),
                );
            }
            _ => return Err("is a damaged pickle: it calls what is no function".to_owned()),
        };
        let argument = |index: usize| match self.values.get(arguments) {
            Some(Value::Tuple(items)) => items.get(index).copied(),
            _ => None,
        };
        let incomplete = || format!("is a damaged pickle: `{name}` lacks an argument");
        match (module, name) {
            ("collections", "OrderedDict") => {
                let pairs = argument(0).map_or_else(Vec::new, |list| self.pairs(list));
                self.push(Value::Dictionary(pairs));
            }
            // What these make is as good as what they are made of.
            ("torch", "Size") | ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                let inner = argument(0).ok_or_else(incomplete)?;
                self.stack.push(inner);
            }
            // A tensor of a class of its own: the function that rebuilds it, the class, what that function reads.
            ("torch._tensor", "_rebuild_from_type_v2") => {
                let (function, arguments) = (argument(0).ok_or_else(incomplete)?, argument(2).ok_or_else(incomplete)?);
                self.stack.extend([function, arguments]);
                if self.values.get(function) == Some(&Value::Global(module, name)) {
                    return Err("is a damaged pickle: a tensor is rebuilt from itself".to_owned());
                }
                return self.call();
            }
            ("torch._utils", name) if name.starts_with("_rebuild_") => self.push(Value::Call(name, arguments)),
            // Of values beside the tensors; what they are does not matter.
            ("torch", "device" | "dtype") => self.push(Value::Other),
            _ => {
                let (module, name) = (crate::error::shown(module), crate::error::shown(name));
                return Err(format!("asks to run `{module}.{name}`, which is not run"));
            }
        }
        Ok(())
    }

    /// The pairs that a list holds, from which Python 2 makes a dictionary. The list is empty afterwards: it may be named
    /// a million times.
    fn pairs(&mut self, list: Id) -> Vec<(Id, Id)> {
        let items = match self.values.get_mut(list) {
            Some(Value::List(items)) => std::mem::take(items),
            _ => return Vec::new(),
        };
        let pair = |id: &Id| match self.values.get(*id) {
            Some(Value::List(pair) | Value::Tuple(pair)) => pair.first().copied().zip(pair.get(1).copied()),
            _ => None,
        };
        items.iter().filter_map(pair).collect()
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    /// The topmost value above the last mark.
    fn pop(&mut self) -> Result<Id, String> {
        if self.marks.last().is_some_and(|mark| *mark >= self.stack.len()) {
            return Err(empty());
        }
        self.stack.pop().ok_or_else(empty)
    }

    fn above_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(empty)?))
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), String> {
        match self.last()? {
            Value::List(list) => list.extend(items),
            _ => return Err("is a damaged pickle: something is appended to what is no list".to_owned()),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Id]) -> Result<(), String> {
        match self.last()? {
            Value::Dictionary(pairs) => pairs.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1]))),
            _ => return Err("is a damaged pickle: something is set in what is no dictionary".to_owned()),
        }
        Ok(())
    }

    fn last(&mut self) -> Result<&mut Value<'a>, String> {
        let last = self.stack.last().and_then(|id| self.values.get_mut(*id));
        last.ok_or_else(empty)
    }

    fn remember(&mut self, name: u32) -> Result<(), String> {
        let last = self.stack.last().copied().ok_or_else(empty)?;
        self.memo.insert(name, last);
        Ok(())
    }

    fn recall(&mut self, name: u32) -> Result<(), String> {
        let id = self.memo.get(&name).copied();
        self.stack.push(id.ok_or_else(|| format!("is a damaged pickle: nothing was remembered as {name}"))?);
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let length = usize::try_from(length).map_err(|_| truncated())?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn string(&mut self, length: u64) -> Result<(), String> {
        let text = utf8(self.take(length)?)?;
        self.push(Value::Text(text));
        Ok(())
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let length = self.rest.iter().position(|byte| *byte == b'\n').ok_or_else(truncated)?;
        let line = self.take(length as u64)?;
        self.take(1)?;
        utf8(line)
    }
}

/// A whole number in as many bytes as it needs; nothing where it needs more than eight.
fn signed(bytes: &[u8]) -> Option<i64> {
    let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
    let mut all = [if negative { 0xff } else { 0 }; 8];
    all.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(all))
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "is a damaged pickle: a string is not UTF-8".to_owned())
}

fn truncated() -> String {
    "is a pickle that ends too early".to_owned()
}

fn empty() -> String {
    "is a damaged pickle: it takes what is not there".to_owned()
}
