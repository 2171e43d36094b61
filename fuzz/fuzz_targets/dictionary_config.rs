#![no_main]

eidos_fuzz::target!("dictionary_config");
