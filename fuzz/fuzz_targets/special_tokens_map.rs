#![no_main]

eidos_fuzz::target!("special_tokens_map");
