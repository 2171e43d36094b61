//! Eidos
