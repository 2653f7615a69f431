//! A column of any type, borrowed: what hashing and the export to numpy work on.

/// The symbol of a row. A run has one symbol, so the column takes its place in the order and no memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Symbol;

/// Name, type and nullability of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSchema {
    /// Name of the column.
    pub name: &'static str,
    /// Type: `i64`, `i8`, `f64`, `f32`, `str`, `time` (`i64`, ns UTC), or the enum of a `u8` code: `reason`,
    /// `refusal`, `decision`.
    pub dtype: &'static str,
    /// True if a row may have no value.
    pub nullable: bool,
}

/// Name and columns of a table, in canonical order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSchema {
    /// Name of the table.
    pub name: &'static str,
    /// Columns in the order in which they are hashed.
    pub columns: &'static [ColumnSchema],
}

/// A borrowed column of any type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ColumnRef<'a> {
    /// Integers, and stamps in nanoseconds.
    Int(&'a [i64]),
    /// Sides and signals: +1, 0, -1.
    Sign(&'a [i8]),
    /// Enums as their numbers.
    Code(&'a [u8]),
    /// Money, prices and quantities.
    Real(&'a [f64]),
    /// Confidences of signals, 0..1.
    Single(&'a [f32]),
    /// Prices and quantities that may be absent.
    OptionalReal(&'a [Option<f64>]),
    /// Confidences that may be absent.
    OptionalSingle(&'a [Option<f32>]),
    /// The run's symbol in so many rows.
    Symbol(usize),
}

impl ColumnRef<'_> {
    /// Returns the rows from `first` on.
    pub(crate) fn from(self, first: usize) -> Self {
        let first = first.min(self.len());
        match self {
            Self::Int(values) => Self::Int(&values[first..]),
            Self::Sign(values) => Self::Sign(&values[first..]),
            Self::Code(values) => Self::Code(&values[first..]),
            Self::Real(values) => Self::Real(&values[first..]),
            Self::Single(values) => Self::Single(&values[first..]),
            Self::OptionalReal(values) => Self::OptionalReal(&values[first..]),
            Self::OptionalSingle(values) => Self::OptionalSingle(&values[first..]),
            Self::Symbol(rows) => Self::Symbol(rows - first),
        }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Int(values) => values.len(),
            Self::Sign(values) => values.len(),
            Self::Code(values) => values.len(),
            Self::Real(values) => values.len(),
            Self::Single(values) => values.len(),
            Self::OptionalReal(values) => values.len(),
            Self::OptionalSingle(values) => values.len(),
            Self::Symbol(rows) => *rows,
        }
    }

    /// Returns true if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A column to be filled.
#[derive(Debug)]
pub enum ColumnMut<'a> {
    /// Integers, and stamps in nanoseconds.
    Int(&'a mut Vec<i64>),
    /// Sides and signals: +1, 0, -1.
    Sign(&'a mut Vec<i8>),
    /// Enums as their numbers.
    Code(&'a mut Vec<u8>),
    /// Money, prices and quantities.
    Real(&'a mut Vec<f64>),
    /// Confidences of signals, 0..1.
    Single(&'a mut Vec<f32>),
    /// Prices and quantities that may be absent.
    OptionalReal(&'a mut Vec<Option<f64>>),
    /// Confidences that may be absent.
    OptionalSingle(&'a mut Vec<Option<f32>>),
    /// The run's symbol; filled with one entry per row.
    Symbol(&'a mut Vec<Symbol>),
}

/// A type that a column can hold.
pub(crate) trait Value: Copy {
    /// Type in the schema, unless the column names a narrower one.
    const DTYPE: &'static str;
    /// True if a row may have no value.
    const NULLABLE: bool = false;

    /// Borrows values as a column.
    fn borrow(values: &[Self]) -> ColumnRef<'_>;

    /// Borrows a column to be filled.
    fn borrow_mut(values: &mut Vec<Self>) -> ColumnMut<'_>;
}

macro_rules! value {
    ($type:ty, $dtype:literal, $kind:ident $(, nullable $nullable:literal)?) => {
        impl Value for $type {
            const DTYPE: &'static str = $dtype;
            $(const NULLABLE: bool = $nullable;)?

            fn borrow(values: &[Self]) -> ColumnRef<'_> {
                ColumnRef::$kind(values)
            }

            fn borrow_mut(values: &mut Vec<Self>) -> ColumnMut<'_> {
                ColumnMut::$kind(values)
            }
        }
    };
}

value!(i64, "i64", Int);
value!(i8, "i8", Sign);
value!(u8, "u8", Code);
value!(f64, "f64", Real);
value!(f32, "f32", Single);
value!(Option<f64>, "f64", OptionalReal, nullable true);
value!(Option<f32>, "f32", OptionalSingle, nullable true);

impl Value for Symbol {
    const DTYPE: &'static str = "str";

    fn borrow(values: &[Self]) -> ColumnRef<'_> {
        ColumnRef::Symbol(values.len())
    }

    fn borrow_mut(values: &mut Vec<Self>) -> ColumnMut<'_> {
        ColumnMut::Symbol(values)
    }
}
