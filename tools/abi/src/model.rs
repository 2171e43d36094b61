//! What `src/ffi` declares, as values: this is what `include/eidos.api.json` holds.

use serde::Serialize;

/// The whole binary interface.
#[derive(Debug, Serialize)]
pub struct Api {
    /// Who wrote the file.
    pub generated: &'static str,
    /// `EIDOS_ABI_VERSION`.
    pub abi_version: u64,
    /// Opaque types, which are used behind pointers only.
    pub handles: Vec<Handle>,
    /// Groups of constants, each of which is the type of a field or of an argument.
    pub enumerations: Vec<Enumeration>,
    /// Constants of no group.
    pub constants: Vec<Constant>,
    /// Pointers to functions of the caller.
    pub callbacks: Vec<Callback>,
    /// Structs that callers see into, as they lie in memory on 64-bit machines.
    pub structs: Vec<Struct>,
    /// The functions, in the order of the header.
    pub functions: Vec<Function>,
}

/// An opaque type.
#[derive(Debug, Serialize)]
pub struct Handle {
    /// `eidos_activations`.
    pub name: String,
    /// What it is.
    pub doc: String,
}

/// Constants of which a value is one.
#[derive(Debug, Serialize)]
pub struct Enumeration {
    /// Its name where languages have types for such groups: `Granularity`.
    pub name: String,
    /// What the names of its constants begin with: `EIDOS_GRANULARITY_`.
    pub prefix: String,
    /// The type of a value in C: `uint32_t`.
    #[serde(rename = "type")]
    pub c_type: String,
    /// What a value says.
    pub doc: String,
    /// The constants, in the order of the header.
    pub values: Vec<Constant>,
}

/// A constant.
#[derive(Debug, Clone, Serialize)]
pub struct Constant {
    /// `EIDOS_GRANULARITY_WORD`.
    pub name: String,
    /// The name within its group, in lower case: `word`; the whole name for a constant of no group.
    pub word: String,
    /// The number.
    pub value: i64,
    /// What it means.
    pub doc: String,
}

/// A pointer to a function of the caller.
#[derive(Debug, Serialize)]
pub struct Callback {
    /// `eidos_progress_callback`.
    pub name: String,
    /// When it is called, and what it must not do.
    pub doc: String,
    /// What it is called with.
    pub parameters: Vec<Parameter>,
    /// What it returns.
    pub returns: Type,
}

/// A struct.
#[derive(Debug, Serialize)]
pub struct Struct {
    /// `eidos_ica_options`.
    pub name: String,
    /// What it holds.
    pub doc: String,
    /// Whether it is options: filled by its `..._init`, and read by a call.
    pub options: bool,
    /// `sizeof`.
    pub size: usize,
    /// The fields.
    pub fields: Vec<Field>,
}

/// A field of a struct.
#[derive(Debug, Serialize)]
pub struct Field {
    /// `concept_count`.
    pub name: String,
    /// Its type.
    #[serde(flatten)]
    pub kind: Type,
    /// `offsetof`.
    pub offset: usize,
    /// What else is known about the value.
    pub role: Role,
    /// The enumeration that the value is one of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enumeration: Option<String>,
    /// What `..._init` sets; NULL where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// The value that stands for "no value", where 0, NULL and the empty string are values like others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub none: Option<String>,
    /// What a function of the caller is called, and its type in C++, where languages have one in place of two pointers.
    #[serde(skip)]
    pub function: Option<(String, String)>,
    /// What it says.
    pub doc: String,
}

impl Field {
    /// Whether it is an array of strings.
    pub fn is_strings(&self) -> bool {
        self.role == Role::Array && self.kind.base == "char"
    }

    /// Whether a caller must set it.
    pub fn is_required(&self) -> bool {
        self.doc.contains("There is no default")
    }
}

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A value.
    Value,
    /// 1 or 0.
    Flag,
    /// One of an enumeration.
    Choice,
    /// The size of the struct.
    StructSize,
    /// Always 0.
    Reserved,
    /// A pointer to several values, whose count is the next field.
    Array,
    /// How many values the field before points to.
    Count,
    /// A function of the caller, whose data is the next field.
    Callback,
    /// What the function before is called with.
    UserData,
}

/// A function.
#[derive(Debug, Serialize)]
pub struct Function {
    /// `eidos_ica_fit`.
    pub name: String,
    /// What it does, what it returns, and who owns that.
    pub doc: String,
    /// Whether it may take long: it then takes a control, or reads or writes files, or works through rows.
    pub blocking: bool,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// What it returns.
    pub returns: Type,
    /// The title of its section in the header.
    #[serde(skip)]
    pub section: String,
}

/// A parameter.
#[derive(Debug, Clone, Serialize)]
pub struct Parameter {
    /// `activations`.
    pub name: String,
    /// Its type.
    #[serde(flatten)]
    pub kind: Type,
    /// Who writes it.
    pub direction: Direction,
    /// Whether NULL is a value that the call expects. (An array may always be NULL where its count is 0.)
    pub nullable: bool,
}

/// Who writes what a pointer points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The caller.
    In,
    /// The function.
    Out,
}

/// A type of C.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Type {
    /// As C writes it: `const eidos_activations *`.
    #[serde(rename = "type")]
    pub c: String,
    /// What it is without its pointers: `eidos_activations`.
    pub base: String,
    /// Of what kind that is.
    pub of: Base,
    /// For each pointer, from the innermost one on, whether it points to something constant.
    #[serde(skip)]
    pub pointers: Vec<bool>,
}

/// A kind of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// A number, a character or nothing.
    Plain,
    /// A status: a number of its own name.
    Status,
    /// An opaque type.
    Handle,
    /// A struct.
    Struct,
    /// A pointer to a function.
    Callback,
    /// A struct that another header declares.
    Foreign,
}

impl Type {
    /// Whether it is one pointer to such a base.
    pub fn is_pointer_to(&self, base: &str) -> bool {
        self.base == base && self.pointers.len() == 1
    }

    /// The bytes that a value takes on 64-bit machines, which are what it is aligned to.
    pub fn size(&self) -> Option<usize> {
        match (self.pointers.len(), self.of, self.base.as_str()) {
            (1.., ..) | (_, Base::Callback, _) | (_, _, "uint64_t" | "int64_t" | "size_t" | "double") => Some(8),
            (_, Base::Status, _) | (_, _, "uint32_t" | "int32_t" | "float") => Some(4),
            (_, _, "uint8_t" | "char") => Some(1),
            _ => None,
        }
    }
}

impl Api {
    /// The enumeration of a name.
    pub fn enumeration(&self, name: &str) -> Option<&Enumeration> {
        self.enumerations.iter().find(|found| found.name == name)
    }

    /// The options structs.
    pub fn options(&self) -> impl Iterator<Item = &Struct> {
        self.structs.iter().filter(|found| found.options)
    }
}

impl Struct {
    /// The fields that a caller sets: those that hold neither the size nor nothing, and no count of an array.
    pub fn settings(&self) -> impl Iterator<Item = &Field> {
        self.fields
            .iter()
            .filter(|field| !matches!(field.role, Role::StructSize | Role::Reserved | Role::Count | Role::UserData))
    }

    /// Its name without the prefix of the library: `ica_options`.
    pub fn short_name(&self) -> &str {
        self.name.strip_prefix("eidos_").unwrap_or(&self.name)
    }
}

impl Enumeration {
    /// The value that stands for the default of a field: the one of that number, or else the one that says so.
    pub fn default_value(&self, number: i64) -> Option<&Constant> {
        let by_number = self.values.iter().find(|value| value.value == number);
        by_number.or_else(|| self.values.iter().find(|value| value.doc.contains("The default.")))
    }
}
