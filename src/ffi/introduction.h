/*
 * Eidos: what is a language model thinking about?
 *
 * Eidos opens a Hugging Face model at a named module, collects the activations of texts word by word, learns the concepts
 * that those activations are made of, and says which inputs excite each concept most. A language model, behind a server or
 * the caller's own, can name the concepts (eidos_llm_labels_interpret).
 *
 *     const char *split = "model.layers.3.mlp";
 *     eidos_split_model *model = NULL;
 *     eidos_inputs *inputs = NULL;
 *     eidos_activations *activations = NULL;
 *     eidos_explainer *explainer = NULL;
 *     eidos_interpretation *meaning = NULL;
 *     eidos_error *error = NULL;
 *     eidos_ica_options ica;
 *     eidos_ica_options_init(&ica, sizeof ica);
 *     ica.concept_count = 20;
 *     if (eidos_split_model_load("eidos:demo", &split, 1, NULL, NULL, &model, &error) ||
 *         eidos_inputs_from_texts(model, texts, NULL, text_count, NULL, NULL, &inputs, &error) ||
 *         eidos_split_model_activations(model, inputs, NULL, NULL, NULL, &activations, 1, &error) ||
 *         eidos_ica_fit(activations, &ica, NULL, &explainer, &error) ||
 *         eidos_top_inputs_interpret(explainer, activations, NULL, NULL, &meaning, &error))
 *         fprintf(stderr, "%s (%s)\n", eidos_error_message(error, NULL), eidos_error_hint(error, NULL));
 *     else
 *         puts(eidos_interpretation_json(meaning, NULL));
 *
 * Results. A call that can fail returns an eidos_status, 0 (EIDOS_OK) on success. Its last argument receives an eidos_error
 * that says what is wrong and what to do, and that the caller frees; pass NULL to do without. Outputs are written only on
 * success. There is no last error, no global set-up and no tear-down; nothing is printed, and no signal handler installed.
 *
 * Strings. Arguments are UTF-8 and end in a NUL, but for texts that are given with their lengths; other encodings are an
 * error. Returned strings are borrowed from the handle they were asked of, end in a NUL and live as long as it does. Arrays are
 * a pointer and a count; NULL is fine where the count is 0.
 *
 * Handles. Each handle is freed once with the function of its type, in any order and on any thread; freeing NULL does
 * nothing. What a handle needs of another one it keeps alive by itself. eidos_..._retain makes one more handle of the same
 * thing for another owner, who frees it on its own. A handle is a number that looks like a pointer: what it
 * would point to is never read. So one that was freed, one of another type and what never was a handle are EIDOS_INVALID_HANDLE
 * (or NULL or 0 from a call without a status), and freeing them does nothing; only to free one while another thread uses it is
 * undefined. Tools that look for leaked memory do not see handles: eidos_debug_live_handles counts them.
 *
 * Names. A name is eidos_, the thing, and what is done with it: eidos_activations_save. A method is a thing, too: its
 * options are eidos_<method>_options, and eidos_<method>_fit or eidos_<method>_interpret runs it.
 * eidos_<owner>_<thing>_count says how many there are of what eidos_<owner>_<thing> gives one by one, by an index from 0.
 *
 * Numbers. What counts or indexes things in memory is a size_t; an enumeration, a flag (1 or 0), a token id and a
 * small setting are a uint32_t; a limit that may be beyond memory, what was spent, and an index in a struct, which has the
 * same layout everywhere, are a uint64_t; an answer of yes or no is an int32_t. A matrix is row-major: row_count rows, one per unit or concept, of column_count columns.
 * The width of a split point or an explainer is the column count of the rows that it gives or takes.
 *
 * Beyond the last. A call without a status that has nothing to give (an index beyond the last, NULL, what is no live
 * handle) gives NULL for a pointer, 0 for a count and for an enumeration that may be missing, SIZE_MAX for an index
 * and NaN for a real number.
 *
 * Threads. A `const T *` may be used by many threads at the same time. A `T *` is for one thread at a time. Long calls run
 * on the calling thread and on threads of their own. Those of a model are kept for its later calls, as many as its calls used at
 * the same time, and end before the free of the model returns; all others end before the call returns. How many threads a call uses
 * respects the affinity and the CPU limits of the process. Nothing stays on the calling thread: no memory, no settings.
 *
 * Long calls take an eidos_control, or NULL: any thread may poll its progress and cancel it. It also takes what a call has to say:
 * which files were loaded and in which type, what is downloaded, which request is repeated (eidos_control_set_log_callback, or
 * eidos_control_keep_log for who would rather look). A call without a control says nothing.
 *
 * Callbacks run inside the call that they belong to, on the thread that makes it, never between calls and never two at a time for
 * one call. They must not unwind: a C++ exception or a longjmp out of one is undefined. What a callback is called with must live
 * until the callback is removed or its handle is freed; where a handle outlives the call that was given the callback, a destroy
 * function says when that is (eidos_chat_from_callback).
 *
 * Signals. From a signal handler eidos_control_cancel and eidos_control_is_cancelled may be called, with a live control:
 * they only store and load a flag. No other call may be.
 *
 * Processes. A child of fork() may go on with the library and the handles it has: a model starts new threads there, and what was
 * kept for the old ones is not given back. But where another thread was inside a call at that moment, the child may only exec() or
 * _exit(), since a call there may wait for ever, and until then it shares the locks of folders that were being written. dlclose()
 * leaves the library mapped.
 *
 * Files. A call that saves to a file replaces what is there under that name, without a question: it leaves the old file or the whole
 * new one, also when it is cancelled or the disk is full. It writes what a link leads to, and what is not a file (a folder, a pipe, a
 * device) is an error and stays. Activations are a folder: what an interrupted call left of the same ones is gone on from, and a folder
 * with others, or with files of somebody else, is EIDOS_MISMATCH and stays. Files call a model by the name that it was opened by, but
 * not by a path of this machine: of an absolute path they keep the last part, "./name". Weights and rows on disk are mapped: a program
 * that cuts such a file while it is used ends this process by SIGBUS, so replace files by renaming, or ask for a copy (copy in
 * eidos_load_options, eidos_activations_open_copy). Large tables of embeddings are read from the file while a model lives; one that was
 * written to since is an error.
 *
 * Options are plain structs that may grow at their end. Fill them with eidos_..._options_init(&options, sizeof options), which
 * writes the defaults, then set fields; NULL for options stands for the defaults. Every value means itself: 0 is 0, and an error
 * where there is no such thing. A limit that is not wanted is the largest value.
 *
 * Structs that the library fills may grow, too. A call takes the address of one and its sizeof, as the init functions do, and needs
 * nothing set before: it fills the fields that both sides know, makes the rest 0, and says in struct_size, the first field, how many
 * bytes it filled. A struct that a callback is given says its size in the same way.
 *
 * Results do not depend on batch sizes, on the order of texts or on the number of threads: the same input gives the same
 * bits on the same machine.
 *
 * This file is generated from src/ffi. Licence: MIT OR Apache-2.0.
 */
