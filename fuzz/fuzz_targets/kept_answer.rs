#![no_main]

eidos_fuzz::target!("kept_answer");
