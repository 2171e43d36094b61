#![no_main]

eidos_fuzz::target!("arrays");
