//! Parts that several verification programs share.

pub mod capacity;
pub mod document;
pub mod stack;
