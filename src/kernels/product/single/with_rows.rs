//! Kernels that are generic in the number of rows.

/// Calls a function that is generic in the number of rows, of which there are up to eight.
macro_rules! with_rows {
    ($count:expr, $function:ident, $blocks:literal, $bf16:literal, $arguments:tt) => {
        match $count {
            1 => with_rows!(@ $function, 1, $blocks, $bf16, $arguments),
            2 => with_rows!(@ $function, 2, $blocks, $bf16, $arguments),
            3 => with_rows!(@ $function, 3, $blocks, $bf16, $arguments),
            4 => with_rows!(@ $function, 4, $blocks, $bf16, $arguments),
            5 => with_rows!(@ $function, 5, $blocks, $bf16, $arguments),
            6 => with_rows!(@ $function, 6, $blocks, $bf16, $arguments),
            7 => with_rows!(@ $function, 7, $blocks, $bf16, $arguments),
            _ => with_rows!(@ $function, 8, $blocks, $bf16, $arguments),
        }
    };
    (@ $function:ident, $rows:literal, $blocks:literal, $bf16:literal, ($($argument:expr),*)) => {
        $function::<$rows, $blocks, $bf16>($($argument),*)
    };
}
