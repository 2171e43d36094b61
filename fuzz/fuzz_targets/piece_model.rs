#![no_main]

eidos_fuzz::target!("piece_model");
