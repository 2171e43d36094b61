"""The sentences of the fixtures, all written for this project, in the manner of film reviews."""

# Film-review sentences in the spaced, lower-case manner of the Rotten Tomatoes set.
REVIEWS = [
    "a slow , tender film that trusts its actors more than its plot .",
    "the jokes land about as often as the helicopters do .",
    "it's hard to say what went wrong here , but almost everything did .",
    "an old-fashioned thriller , well-made and a little too proud of it .",
    "you leave the theatre humming , and forget the tune before the car .",
    "two hours of rain , one good scene , and a dog that steals it .",
    "the director doesn't so much tell a story as lose one .",
    "funny , sad , and -- in its last ten minutes -- quietly enormous .",
    "if this is the future of the genre , i'd rather live in its past .",
    "a b-movie with a-list manners .",
    "bright , brisk and blissfully short .",
    "the children are wonderful ; the adults , less so .",
    "nothing explodes , and that is the best thing about it .",
    "a remake of a sequel to a film nobody asked for in the first place .",
    "the script ( all 94 pages of it ) reads like a parking ticket .",
    "her performance is the kind that makes you want to call your mother .",
    "no , it isn't deep . yes , you will cry .",
    "what a mess ! what a glorious , generous mess !",
    "is it a comedy ? is it a tragedy ? it is late , that's what it is .",
    "so gentle that you may not notice how angry it is .",
    "the 1970s look is perfect , down to the wallpaper and the guilt .",
    "costs $40 million and looks like $4.50 .",
    "i haven't been this bored since the director's cut of the trailer .",
    "there are worse ways to spend an evening , but they're all longer .",
    "smart without being smug , which is rarer than it should be .",
    "the villain , bless him , is having the time of his life .",
    "every frame is a painting and every painting is of the same horse .",
    "a love letter to cinema , returned to sender .",
    "we've seen this before , and we've seen it done by puppets .",
    "warm , wise and wonderfully odd .",
    "it moves like a train : loud , straight and always on time .",
    "the ending is a shrug with an orchestra .",
    "you'll laugh , you'll yawn , you'll check your watch .",
    "a documentary so honest it hurts its own argument .",
    "all style , no pulse .",
    "all heart , everything else is missing .",
    "good good good , and then suddenly not good at all .",
    "the film knows everything about everyone except why we should care .",
    "somewhere inside this three-hour epic a fine short film is waving for help .",
    "moving , in both senses : it made me weep , and it made me leave .",
]

# One text for each thing that can go wrong in front of a model. The order is part of the fixtures.
MODEL_TEXTS = [
    "a warm film .",
    "naïve 🎬 電影",
    "film",
    "good good good good good",
    "funny , sad , and -- in its last ten minutes -- quietly enormous .",
    "",
]

# Texts on which tokenizers and sentence splitters differ, each with a reason to be here.
HARD_TEXTS = [
    # Words: apostrophes, hyphens, double hyphens, prices, digit runs, brackets, an ellipsis.
    "the film's a b-movie , in all -- don't miss it ! it cost $1,234.50 (2nd-rate)...",
    "World's best.\n\nNew para",
    "3.14159 1234567 12,345 7th 2nd-rate x2 4k",
    "well-acted,moving?!no--really...yes(ok)[sic]{x}",
    # Sentences: abbreviations in their cases and places, marks without a space, runs of marks.
    "Mr. Smith went to Washington. He didn't like the U.S. very much! Did he? Yes.",
    "mr. and MRS. jones, e.g. the Ph.D. couple, met Dr. No vs. Prof. X, etc. and left. Fin.",
    "The U.K. and the E.U. disagree. i.e. nothing new. cf. above, approx. 5 min. later. St. Ives.",
    "U.S. U.S. cinema. In the U.S.A. it flopped. Max. 3 ex. of it. maxi. taxi.",
    "a film . another film . the end .",
    "no space.after the mark?none here!either",
    "wait... what?! no!!! really??? ok. .. . fine",
    "first line.\nsecond line!\r\nthird line?\tfourth",
    'he said "stop." then "go!" (really.) and left. ',
    ". . . !",
    "ends without a mark",
    # Special literals inside a text.
    "the [MASK] is [SEP] good",
    "the <|mask|> is <|end_of_text|> good",
    "[CLS]<|begin_of_text|>glued[UNK]here<|pad|>",
    "[MASK]",
    "<|mask|>",
    # Unicode: composed and combining accents, case that changes length, ligatures, scripts, emoji, controls.
    "Żółw café naïve fiancée — “quoted” ‘words’ … résumé",
    "cafe\u0301 nai\u0308ve a\u030angstro\u0308m e\u0301\u0302",
    "İstanbul straße STRASSE ẞ ﬁne ﬂow Ǆ ǅ",
    "Москва́ Ελλάδα شكرا שלום हिन्दी ไทย 한국어 조합형",
    "電影很好看。我喜歡!日本語のテキスト、です。film電影mix",
    "🎬🍿 great 👍🏽 family 👨‍👩‍👧‍👦 flag 🇫🇷 heart ❤️ end",
    "a\u00a0b\u2003c\u3000d\u200be\u200df\ufeffg\u00adh",
    "next\u0085line \u0000null \u0007bell \u001fsep \u009dc1 \ufffdbad",
    "x² ½ ① Ⅷ ٣٤ ７ 1½ m³",
    # Whitespace and nothing.
    "",
    " ",
    "   \t \n  ",
    "  leading and  double   spaces trailing  ",
    "a",
    "\n",
    ".",
    "tab\tseparated\tvalues\n\n\nthree newlines",
    # Unknown characters and over-long words, for WordPiece.
    "ᚠᚢᚦ ok 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ok 𒀀",
    "a" * 101 + " ok " + "b" * 100,
    "MiXeD CaSe ACRONYM iPhone McDonald's O'Neill's",
    "http://example.org/a?b=c&d=e.f user@example.com #tag @you 50% a/b c\\d ~^`|",
]

# Longer than the tiny tokenizers' maximum of 64 tokens, so truncated by them.
LONG_TEXT = " ".join(REVIEWS[:8])
