#![no_main]

eidos_fuzz::target!("tokenizer_config");
