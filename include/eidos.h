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

#ifndef EIDOS_H
#define EIDOS_H

#include <stddef.h>
#include <stdint.h>

/* From dlpack.h, which a program that exchanges tensors includes itself. */
struct DLManagedTensorVersioned;

#ifdef __cplusplus
extern "C" {
#endif

/* --- Versions ------------------------------------------------------------------------------------------------------ */

/**
 * This is the version of the binary interface that this header describes. It grows when a program that was compiled
 * against an older header would break.
 */
#define EIDOS_ABI_VERSION 2

/**
 * This is the major part of the version of Eidos that this header belongs to.
 */
#define EIDOS_VERSION_MAJOR 0

/**
 * This is the minor part of the version of Eidos that this header belongs to.
 */
#define EIDOS_VERSION_MINOR 1

/**
 * This is the patch part of the version of Eidos that this header belongs to.
 */
#define EIDOS_VERSION_PATCH 0

/**
 * Gives the version of the binary interface of the library that was loaded. A program compares it with
 * `EIDOS_ABI_VERSION` and refuses to go on when they differ.
 */
uint32_t eidos_abi_version(void);

/**
 * Gives the version of the library that was loaded (`0.1.0`). The string is static.
 */
const char *eidos_version(void);

/* --- All functions in one table ------------------------------------------------------------------------------------ */

/**
 * Gives the table of all functions, `eidos_api_table` of `eidos_api.h`, for programs that open the library while they run: one symbol
 * to look up instead of each. `abi_version` is the `EIDOS_ABI_VERSION` that the program was compiled with; NULL where the library has
 * another one. The table lives as long as the library is loaded.
 */
const void *eidos_api(uint32_t abi_version);

/* --- Status codes -------------------------------------------------------------------------------------------------- */

/**
 * A call that can fail returns this status: `EIDOS_OK`, or one of the other `EIDOS_*` codes, which says whose fault it
 * is.
 */
typedef int32_t eidos_status;

/**
 * The call succeeded and its outputs are written.
 */
#define EIDOS_OK 0

/**
 * The caller passed a value that cannot be right (NULL, k = 0, a wrong length, text that is not UTF-8). Fix the call.
 */
#define EIDOS_INVALID_ARGUMENT 1

/**
 * A handle was freed before (in other languages: its object was closed or moved from), or is of another type. Fix the
 * call.
 */
#define EIDOS_INVALID_HANDLE 2

/**
 * A file, folder, repository or revision does not exist. Fix the name or create it.
 */
#define EIDOS_NOT_FOUND 3

/**
 * The model has no module of that path, or that module cannot be a split point. Choose another path.
 */
#define EIDOS_UNKNOWN_MODULE 4

/**
 * A file is truncated, damaged or hostile. Get the file again.
 */
#define EIDOS_INVALID_FILE 5

/**
 * The file is fine but asks for something that this version does not build. Use another model or version.
 */
#define EIDOS_UNSUPPORTED 6

/**
 * The numbers are unusable (NaN, infinite, constant). The message names the row. Look at the data.
 */
#define EIDOS_INVALID_DATA 7

/**
 * Two things do not belong together, such as an explainer of another width. Use the matching one.
 */
#define EIDOS_MISMATCH 8

/**
 * The operating system refused: the disk is full, or there is no permission. Fix the machine and call again; what was
 * complete is kept.
 */
#define EIDOS_IO 9

/**
 * The network or the server failed. Call again; what was downloaded is kept.
 */
#define EIDOS_NETWORK 10

/**
 * The server refused the credentials. Set a token that has access.
 */
#define EIDOS_ACCESS_DENIED 11

/**
 * The caller cancelled. What was complete is kept.
 */
#define EIDOS_CANCELLED 12

/**
 * A memory limit would be exceeded. Raise the limit, or let rows go to disk.
 */
#define EIDOS_OUT_OF_MEMORY 13

/**
 * The device that was asked for is missing or failed. Use another device.
 */
#define EIDOS_DEVICE 14

/**
 * Eidos has a defect. Please report it with the message of the error.
 */
#define EIDOS_INTERNAL 15

/**
 * A language model gave no answer that can be used (empty, refused, cut). Try again, or use another model.
 */
#define EIDOS_UNUSABLE_ANSWER 16

/**
 * The next request to a language model could exceed the budget, or the account is empty. Raise the budget and call
 * again.
 */
#define EIDOS_BUDGET_EXHAUSTED 17

/**
 * Another call, of this process or of another one, is writing to the same place. Wait for it, or choose another place.
 */
#define EIDOS_BUSY 18

/**
 * Gives a status as a word (`invalid_argument`); `ok` for `EIDOS_OK` and `unknown` for a number that is no status. The
 * string is static.
 */
const char *eidos_status_name(eidos_status status);

/* --- Errors as handles --------------------------------------------------------------------------------------------- */

/**
 * An error says why a call failed: a code, a message that names the thing, a hint that names the remedy, and the facts
 * as details. The caller owns it and frees it with `eidos_error_free`.
 */
typedef struct eidos_error eidos_error;

/**
 * Gives the status of an error, the same that the call returned; `EIDOS_INVALID_HANDLE` for NULL and what is no error.
 */
eidos_status eidos_error_status(const eidos_error *error);

/**
 * Gives the message of an error: what is wrong, naming the thing. The string is borrowed from the error; `len`, where
 * not NULL, receives the bytes before the NUL.
 */
const char *eidos_error_message(const eidos_error *error, size_t *len);

/**
 * Gives the hint of an error: what to do, as an imperative phrase; empty when there is nothing to say. The string is
 * borrowed from the error; `len` may be NULL.
 */
const char *eidos_error_hint(const eidos_error *error, size_t *len);

/**
 * Counts the details of an error.
 */
size_t eidos_error_detail_count(const eidos_error *error);

/**
 * Gives the name of a detail of an error (`path`, `row`); NULL beyond the last. The string is borrowed from the error;
 * `len` may be NULL.
 */
const char *eidos_error_detail_key(const eidos_error *error, size_t index, size_t *len);

/**
 * Gives the value of a detail of an error; NULL beyond the last. The string is borrowed from the error; `len` may be
 * NULL.
 */
const char *eidos_error_detail_value(const eidos_error *error, size_t index, size_t *len);

/**
 * Frees an error; NULL is fine.
 */
void eidos_error_free(eidos_error *error);

/* --- Progress and cancellation of long calls ----------------------------------------------------------------------- */

/**
 * Nothing has started.
 */
#define EIDOS_STAGE_IDLE 0

/**
 * The call fetches files from a hub; counted in bytes.
 */
#define EIDOS_STAGE_DOWNLOAD 1

/**
 * The call reads weights; counted in tensors.
 */
#define EIDOS_STAGE_LOAD 2

/**
 * The call turns texts into tokens; counted in texts.
 */
#define EIDOS_STAGE_TOKENIZE 3

/**
 * The call runs the model; counted in tokens.
 */
#define EIDOS_STAGE_FORWARD 4

/**
 * The call reads rows to learn their mean and covariance; counted in rows.
 */
#define EIDOS_STAGE_COVARIANCE 5

/**
 * The call iterates to fit the concepts; counted in iterations, of which the total is the most there can be.
 */
#define EIDOS_STAGE_FIT 6

/**
 * The call encodes rows into concepts, to rank inputs or to write the codes; counted in rows.
 */
#define EIDOS_STAGE_INTERPRET 7

/**
 * The call writes files; counted in bytes.
 */
#define EIDOS_STAGE_WRITE 8

/**
 * The call asks a language model what concepts mean; counted in concepts.
 */
#define EIDOS_STAGE_LABEL 9

/**
 * Rows are read once to learn their norms; counted in rows.
 */
#define EIDOS_STAGE_FILTER 10

/**
 * A control watches and cancels a long call, from any thread, and takes its messages. A call takes a `const
 * eidos_control *`, which may be NULL; the same control may be used for several calls one after the other. Made by
 * `eidos_control_new`, freed with `eidos_control_free`.
 */
typedef struct eidos_control eidos_control;

/**
 * This struct says how far a long call has come at one moment.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, as far as the library filled it.
     */
    uint32_t struct_size;
    /**
     * The stage says what a long call is busy with: one of `EIDOS_STAGE_*`.
     */
    uint32_t stage;
    /**
     * So much of the stage is done, in the unit of the stage.
     */
    uint64_t done;
    /**
     * The stage has so much to do in all, in its unit; 0 when unknown.
     */
    uint64_t total;
    /**
     * This many seconds have passed since the control was made.
     */
    double elapsed_seconds;
} eidos_progress;

/**
 * Receives the progress of a long call, on the thread that makes the call. `progress` is valid during the call of the
 * callback only. It must not unwind.
 */
typedef void (*eidos_progress_callback)(const eidos_progress *progress, void *user_data);

/**
 * Gives a stage as a word for a progress bar (`forward`); `unknown` for a number that is no stage. The string is
 * static.
 */
const char *eidos_stage_name(uint32_t stage);

/**
 * Makes a control that nobody has cancelled. `err` may be NULL.
 */
eidos_status eidos_control_new(eidos_control **out, eidos_error **err);

/**
 * Asks the call that uses this control to stop: it returns `EIDOS_CANCELLED` within one batch or iteration. A
 * cancelled control stays cancelled. From any thread, and from a signal handler. A call whose work is complete
 * succeeds all the same.
 */
void eidos_control_cancel(const eidos_control *control);

/**
 * Says whether somebody cancelled a control: 1, or else 0. From any thread, and from a signal handler.
 */
int32_t eidos_control_is_cancelled(const eidos_control *control);

/**
 * Writes how far the call with this control has come. From any thread, at any time, without waiting. `size` is
 * `sizeof(eidos_progress)`; `err` may be NULL.
 */
eidos_status eidos_control_progress(const eidos_control *control, eidos_progress *out, size_t size, eidos_error **err);

/**
 * Sets the callback that the thread of a long call runs after each step; NULL removes it. It may cancel the control;
 * it must not start another call with it, unwind, or free it. Set it while no call uses the control. `user_data` must
 * live until the callback is removed, or the last handle of the control is freed and no call uses it. `err` may be
 * NULL.
 */
eidos_status eidos_control_set_callback(eidos_control *control,
                                        eidos_progress_callback callback,
                                        void *user_data,
                                        eidos_error **err);

/**
 * Makes one more handle of the same control, for another owner, who frees it. Each watches and cancels the same calls.
 */
eidos_status eidos_control_retain(const eidos_control *control, eidos_control **out, eidos_error **err);

/**
 * Frees a control; NULL is fine. A call that still uses it goes on without it.
 */
void eidos_control_free(eidos_control *control);

/* --- Messages of long calls ---------------------------------------------------------------------------------------- */

/**
 * The call goes on, but its result may not be what was hoped for: a request is repeated, a concept has no label.
 */
#define EIDOS_LOG_WARNING 1

/**
 * The message says what a run is made of: which files were loaded, in which type and with which instructions, and what
 * is downloaded.
 */
#define EIDOS_LOG_INFO 2

/**
 * The message is about a single step, such as a file that was found in the cache.
 */
#define EIDOS_LOG_DEBUG 3

/**
 * This struct is a message about a long call. Its strings are UTF-8, end in a NUL and hold no line ends.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, as far as the library filled it.
     */
    uint32_t struct_size;
    /**
     * The level says how important the message is: one of `EIDOS_LOG_*`.
     */
    uint32_t level;
    /**
     * The target names the part of the library that the message comes from: `hub`, `model`, `chat`. The string is
     * static.
     */
    const char *target;
    /**
     * This is the length of `target` in bytes, without the NUL.
     */
    size_t target_len;
    /**
     * The message says what happened, in at most about 2,000 bytes.
     */
    const char *message;
    /**
     * This is the length of `message` in bytes, without the NUL.
     */
    size_t message_len;
    /**
     * The message was written this many seconds after the control was made.
     */
    double elapsed_seconds;
} eidos_log_message;

/**
 * Receives a message about a long call, on the thread that makes the call, one message after the other: what other
 * threads of the library have to say waits until that thread comes by. `message` is valid during the call of the
 * callback only. It must not unwind.
 */
typedef void (*eidos_log_callback)(const eidos_log_message *message, void *user_data);

/**
 * Sets the callback that receives the messages of the calls with this control; NULL removes it. It gets those of
 * `level`, one of `EIDOS_LOG_*`, and the more important ones, whose numbers are lower. It may cancel the control; it
 * must not start another call with it, unwind, or free it. Set it while no call uses the control. `user_data` must
 * live until the callback is removed, or the last handle of the control is freed and no call uses it. `err` may be
 * NULL.
 */
eidos_status eidos_control_set_log_callback(eidos_control *control,
                                            uint32_t level,
                                            eidos_log_callback callback,
                                            void *user_data,
                                            eidos_error **err);

/**
 * Keeps the messages of the calls with this control from now on, for programs that would rather look than be called:
 * those of `level`, one of `EIDOS_LOG_*`, and the more important ones. The first 10,000 are kept as long as the
 * control lives. `err` may be NULL.
 */
eidos_status eidos_control_keep_log(eidos_control *control, uint32_t level, eidos_error **err);

/**
 * Says how many messages a control keeps. The number only grows; from any thread, also while a call uses the control.
 */
size_t eidos_control_log_count(const eidos_control *control);

/**
 * Writes one of the messages that a control keeps, by its index, in the order in which they came; from any thread,
 * also while a call uses the control. The strings are borrowed from the control. `size` is
 * `sizeof(eidos_log_message)`. `EIDOS_INVALID_ARGUMENT` beyond the last; `err` may be NULL.
 */
eidos_status eidos_control_log(const eidos_control *control,
                               size_t index,
                               eidos_log_message *out,
                               size_t size,
                               eidos_error **err);

/* --- Files of texts: one text a line, or JSON lines ---------------------------------------------------------------- */

/**
 * The file has JSON lines where its name ends in `.jsonl`, `.ndjson` or `.json`, else lines. The default.
 */
#define EIDOS_TEXT_FORMAT_AUTO 0

/**
 * The file has one text a line.
 */
#define EIDOS_TEXT_FORMAT_LINES 1

/**
 * The file has one JSON object a line, of which one field is the text.
 */
#define EIDOS_TEXT_FORMAT_JSON_LINES 2

/**
 * Texts hold what was read from a file, which becomes inputs with `eidos_inputs_from_texts_handle`. They never change:
 * any number of threads may read them at the same time. Made by `eidos_texts_read`, freed with `eidos_texts_free`.
 */
typedef struct eidos_texts eidos_texts;

/**
 * These options say how a file of texts is read. Fill the struct with `eidos_texts_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_texts_options_init`.
     */
    uint32_t struct_size;
    /**
     * The format says how the texts are written: one of `EIDOS_TEXT_FORMAT_*`. By default what the name of the file
     * says.
     */
    uint32_t format;
    /**
     * The text is the field of this name of a JSON object. NULL means `text`.
     */
    const char *field;
    /**
     * This many texts are read at most, from the beginning of the file. By default all of them.
     */
    uint64_t most_texts;
    /**
     * 1 keeps texts that are empty or nothing but white space, so that there is one text for each line or JSON object.
     * By default they are left out.
     */
    uint32_t keep_empty;
    /**
     * This field is always 0.
     */
    uint32_t reserved;
} eidos_texts_options;

/**
 * Fills the options of texts with the defaults. `size` is `sizeof(eidos_texts_options)`.
 */
eidos_status eidos_texts_options_init(eidos_texts_options *options, size_t size);

/**
 * Reads the texts of a file in UTF-8. Lines end in a line feed, or a carriage return and a line feed; neither is part
 * of a text, nor is a byte order mark at the beginning of the file. A line has at most 256 MiB. What is wrong with a
 * line (`EIDOS_INVALID_FILE`) is said with its number, from 1, which is also the detail `line`. `options`, `control`
 * and `err` may be NULL.
 */
eidos_status eidos_texts_read(const char *path,
                              const eidos_texts_options *options,
                              const eidos_control *control,
                              eidos_texts **out,
                              eidos_error **err);

/**
 * Counts the texts that were read from a file.
 */
size_t eidos_texts_count(const eidos_texts *texts);

/**
 * Gives a text by its index, from 0; NULL beyond the last. The string is borrowed from the texts. `len` may be NULL; a
 * text from JSON may have a NUL inside, and then only `len` says where it ends.
 */
const char *eidos_texts_get(const eidos_texts *texts, size_t index, size_t *len);

/**
 * Makes one more handle of the same texts, for another owner, who frees it. What was borrowed from one is valid until
 * the last of them is freed. `err` may be NULL.
 */
eidos_status eidos_texts_retain(const eidos_texts *texts, eidos_texts **out, eidos_error **err);

/**
 * Frees texts; NULL is fine.
 */
void eidos_texts_free(eidos_texts *texts);

/* --- What this build can do, and the GPUs that it could use -------------------------------------------------------- */

/**
 * Devices say which GPUs this machine has, and what is there and what is missing to use one. They are as they were when
 * they were listed, and never change: any number of threads may read them at the same time. Made by
 * `eidos_devices_list`, freed with `eidos_devices_free`.
 */
typedef struct eidos_devices eidos_devices;

/**
 * Names the features of the library that was loaded, with a space between them: `hub` (models by id), `chat` (language
 * models over HTTP), `demo-model` (`eidos:demo`), `parquet` (tables in Parquet) and `cuda` (NVIDIA GPUs), as far as it was built with
 * them. The string is static.
 */
const char *eidos_features(void);

/**
 * Lists the GPUs of this machine. Where there is none, or the library was built without CUDA, the list is empty, and
 * `eidos_devices_reason` says why: that is no error. The libraries of CUDA are opened for it. To say how much memory is
 * free, the driver starts its context on each device, where none has been started yet, and ends it again, which takes
 * some tenths of a second each. `err` may be NULL.
 */
eidos_status eidos_devices_list(eidos_devices **out, eidos_error **err);

/**
 * Counts the GPUs. `eidos_load_options.device_index` is one of 0 to the count less one.
 */
size_t eidos_devices_count(const eidos_devices *devices);

/**
 * Says why Eidos can use no GPU, and what to do: which library or driver is missing, or that the build has no CUDA.
 * NULL where Eidos can use one. The string is borrowed from the devices. `len` may be NULL.
 */
const char *eidos_devices_reason(const eidos_devices *devices, size_t *len);

/**
 * Gives the name of a GPU (`NVIDIA H100 80GB HBM3`); NULL beyond the last. The string is borrowed from the devices.
 * `len` may be NULL.
 */
const char *eidos_devices_name(const eidos_devices *devices, size_t index, size_t *len);

/**
 * Says why Eidos cannot use this GPU, such as its age; NULL where it can. The string is borrowed from the devices. `len`
 * may be NULL.
 */
const char *eidos_devices_problem(const eidos_devices *devices,
                                  size_t index,
                                  size_t *len);

/**
 * Gives the memory of a GPU in bytes; 0 beyond the last.
 */
uint64_t eidos_devices_total_memory(const eidos_devices *devices, size_t index);

/**
 * Gives the memory of a GPU that nobody used when the devices were listed, in bytes; 0 where the driver does not say,
 * and beyond the last.
 */
uint64_t eidos_devices_free_memory(const eidos_devices *devices, size_t index);

/**
 * Gives the compute capability of a GPU, times ten (90 for 9.0); 0 beyond the last. Eidos needs 80.
 */
uint32_t eidos_devices_compute_capability(const eidos_devices *devices, size_t index);

/**
 * Counts the libraries that a GPU needs: the driver, cuBLAS, cuBLASLt and cuRAND, or none where the build has no CUDA.
 */
size_t eidos_devices_library_count(const eidos_devices *devices);

/**
 * Gives the name of a library that a GPU needs (`cuBLAS`); NULL beyond the last. The string is borrowed from the
 * devices. `len` may be NULL.
 */
const char *eidos_devices_library_name(const eidos_devices *devices, size_t index, size_t *len);

/**
 * Gives the version of a library that a GPU needs (`13.0`; of the driver, the newest CUDA that it serves); NULL where
 * the library is missing, and beyond the last. The string is borrowed from the devices. `len` may be NULL.
 */
const char *eidos_devices_library_version(const eidos_devices *devices, size_t index, size_t *len);

/**
 * Frees devices; NULL is fine.
 */
void eidos_devices_free(eidos_devices *devices);

/* --- Models split at modules --------------------------------------------------------------------------------------- */

/**
 * The model has the head that its configuration names.
 */
#define EIDOS_HEAD_AUTO 0

/**
 * The model has no head: it is the base model.
 */
#define EIDOS_HEAD_BASE 1

/**
 * The head is that of a masked language model.
 */
#define EIDOS_HEAD_MASKED_LM 2

/**
 * The head classifies texts.
 */
#define EIDOS_HEAD_SEQUENCE_CLASSIFICATION 3

/**
 * The head is that of a causal language model.
 */
#define EIDOS_HEAD_CAUSAL_LM 4

/**
 * The head classifies tokens.
 */
#define EIDOS_HEAD_TOKEN_CLASSIFICATION 5

/**
 * The head is that of a language model of an encoder and a decoder.
 */
#define EIDOS_HEAD_SEQ2SEQ_LM 6

/**
 * The model runs on the processor.
 */
#define EIDOS_DEVICE_CPU 0

/**
 * The model runs on an NVIDIA GPU.
 */
#define EIDOS_DEVICE_CUDA 1

/**
 * The model runs on the first GPU that works, and on the processor where none does. The log says which it is, and why.
 */
#define EIDOS_DEVICE_AUTO 2

/**
 * The model computes in single precision. Where the processor has AMX and a file holds `bf16`, a product with its matrices is
 * three products of `bf16` numbers, which are exactly the one, with sums in `f32`.
 */
#define EIDOS_PRECISION_F32 0

/**
 * The model computes in single precision, but the factors of its products are rounded to TF32.
 */
#define EIDOS_PRECISION_TF32 1

/**
 * The model computes in `bf16`: the factors of products are rounded to `bf16`, sums, norms and softmax are `f32`. On a GPU
 * activations are `bf16` as well.
 */
#define EIDOS_PRECISION_BF16 2

/**
 * The model computes in `f16`: activations and the factors of products are `f16`, sums are `f32`.
 */
#define EIDOS_PRECISION_F16 3

/**
 * The factors of products are rounded to 8-bit integers, each row of a weight and each row of activations with its own scale;
 * sums are exact, everything else is `f32`. A quarter of the memory of `f32`, and the least exact. On the CPU alone.
 */
#define EIDOS_PRECISION_INT8 4

/**
 * The environment (`HF_HUB_OFFLINE`) says whether to stay offline.
 */
#define EIDOS_NETWORK_AUTO 0

/**
 * Only files that are there already are used.
 */
#define EIDOS_NETWORK_OFFLINE 1

/**
 * Files that are missing are downloaded.
 */
#define EIDOS_NETWORK_ONLINE 2

/**
 * A split model is a language model that runs up to one or several of its modules. It never changes after loading: any
 * number of threads may use it at the same time. Made by `eidos_split_model_load`, freed with
 * `eidos_split_model_free`.
 */
typedef struct eidos_split_model eidos_split_model;

/**
 * These options say how a model is loaded. Fill the struct with `eidos_load_options_init` first; NULL strings mean the
 * environment or the default.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_load_options_init`.
     */
    uint32_t struct_size;
    /**
     * The model is built with this head: one of `EIDOS_HEAD_*`.
     */
    uint32_t head;
    /**
     * The model runs on this device: one of `EIDOS_DEVICE_*`.
     */
    uint32_t device;
    /**
     * The model runs on this one of several GPUs, from 0.
     */
    uint32_t device_index;
    /**
     * The network says whether files are downloaded: one of `EIDOS_NETWORK_*`.
     */
    uint32_t network;
    /**
     * 1 loads every weight up to the head, not only those up to the last split point, so that
     * `eidos_split_model_logits` works.
     */
    uint32_t whole;
    /**
     * The model is loaded from this branch, tag or commit of its repository; NULL means `main`.
     */
    const char *revision;
    /**
     * Downloads are asked for with this access token; NULL means `HF_TOKEN` or the token file.
     */
    const char *token;
    /**
     * Downloads are kept in this folder; NULL means `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`.
     */
    const char *cache_folder;
    /**
     * The hub has this address; NULL means `HF_ENDPOINT` or the Hugging Face Hub.
     */
    const char *endpoint;
    /**
     * 1 reads the files of weights into memory instead of mapping them: a program that cuts one of them while the
     * model loads then makes an error and does not end the process. Loading takes as much memory more as the files
     * have bytes, and tables of embeddings stay in memory.
     */
    uint32_t copy;
    /**
     * The model computes in this type of number, whatever type its files have: one of `EIDOS_PRECISION_*`. Activations
     * and logits are given as `f32` always. The CPU computes in `f32`, `bf16` or `int8`; `eidos_split_model_products` says how.
     */
    uint32_t precision;
    /**
     * 1 cuts texts to the `max_seq_length` that sentence-transformers has for the model (`sentence_bert_config.json`), special
     * tokens included, as it does before it pools; a model without that file is an error. Otherwise texts are cut to what the
     * model and its tokenizer can read.
     */
    uint32_t use_max_seq_length;
    /**
     * This field is always 0.
     */
    uint32_t reserved;
} eidos_load_options;

/**
 * Fills load options with the defaults. `size` is `sizeof(eidos_load_options)`.
 */
eidos_status eidos_load_options_init(eidos_load_options *options, size_t size);

/**
 * Loads a model by the path of a folder, a repository id such as `EuroBERT/EuroBERT-210m`, or `eidos:demo` for the
 * small model inside the library. A GGUF file of llama.cpp is named by its path, or by the id of its repository and
 * its name there: `owner/name:model-Q8_0.gguf`; so is a folder that has no other weights than one such file. It is
 * split at the module paths of the checkpoint that it was converted from, and its tokenizer is a `tokenizer.json`
 * beside it, or else the file's own. A model that llama.cpp split into parts (`model-00001-of-00003.gguf` ...) is
 * named by any of them, or by their folder; the others are found by their names beside it. The first part alone lists
 * the modules.
 *
 * `split_points` are module paths as the checkpoint names them (`model.layers.10.mlp`), or numbers (`10` is the
 * eleventh block). Only the weights up to the last of them are read, or all of them when the options say `whole`.
 * Without any, nothing but the tree of modules is loaded, to choose from. `options`, `control` and `err` may be NULL.
 *
 * The files of weights are mapped while they are read: a program that cuts one of them meanwhile ends the process, by
 * SIGBUS where there are signals, unless the options say `copy`. They are closed when this returns, except those with a
 * table of embeddings of a mebibyte or more, which stays in its file: a call that runs the model reads the rows of its
 * tokens there, and is `EIDOS_INVALID_FILE` once somebody has written to the file. With `copy`, tables are in memory.
 */
eidos_status eidos_split_model_load(const char *id_or_path,
                                    const char *const *split_points,
                                    size_t split_point_count,
                                    const eidos_load_options *options,
                                    const eidos_control *control,
                                    eidos_split_model **out,
                                    eidos_error **err);

/**
 * Gives the id or path that a model was loaded by. The string is borrowed from the model; `len` may be NULL.
 */
const char *eidos_split_model_name(const eidos_split_model *model, size_t *len);

/**
 * Gives the family of a model, as `model_type` of its configuration names it (`eurobert`). The string is borrowed from
 * the model; `len` may be NULL.
 */
const char *eidos_split_model_family(const eidos_split_model *model, size_t *len);

/**
 * Says how a model multiplies rows with its weights, for people: `f32 (AVX-512)`, or `bf16 x 3 (AMX)`, three products of bf16
 * numbers that are exactly one in f32. Where a faster way is known, a semicolon follows, and why it is not taken:
 * `f32 (AVX-512); not bf16 x 3 (AMX): this processor has no AMX`. Empty for a model that was loaded without split points.
 * The string is borrowed from the model; `len` may be NULL.
 */
const char *eidos_split_model_products(const eidos_split_model *model,
                                       size_t *len);

/**
 * Counts the token ids that a model knows: its vocabulary.
 */
size_t eidos_split_model_vocabulary_size(const eidos_split_model *model);

/**
 * Says how many tokens of a text a model was made for, special ones included. Texts are read as far as that.
 */
size_t eidos_split_model_max_positions(const eidos_split_model *model);

/**
 * Says how many bytes of memory the weights of a model take that were loaded: those up to the last split point, or all
 * of a `whole` model, without tables of embeddings that stay in their file; 0 without split points.
 */
size_t eidos_split_model_weight_bytes(const eidos_split_model *model);

/**
 * Counts the modules of a model, which are in the order of PyTorch's `named_modules()`.
 */
size_t eidos_split_model_module_count(const eidos_split_model *model);

/**
 * Gives the path of a module (`model.layers.10.mlp`) by its index; the first one is empty and stands for the whole
 * model. NULL beyond the last. The string is borrowed from the model; `len` may be NULL.
 */
const char *eidos_split_model_module_path(const eidos_split_model *model, size_t index, size_t *len);

/**
 * Gives the kind of a module with its sizes (`Linear(768 -> 3072)`) by its index. NULL beyond the last. The string is
 * borrowed from the model; `len` may be NULL.
 */
const char *eidos_split_model_module_kind(const eidos_split_model *model, size_t index, size_t *len);

/**
 * Says whether a module can be a split point, because it has one output row per token: 1, or else 0.
 */
int32_t eidos_split_model_module_can_split(const eidos_split_model *model, size_t index);

/**
 * Says how many columns the activations of a module have, by its index; 0 where it cannot be a split point.
 */
size_t eidos_split_model_module_width(const eidos_split_model *model, size_t index);

/**
 * Says which part of a model's blocks a run up to a module takes, by its index: from 0 for what is before the blocks to
 * 1; a block counts from its beginning. 0 where the module cannot be a split point.
 */
double eidos_split_model_module_cost(const eidos_split_model *model, size_t index);

/**
 * Says whether a module is a place to start, by its index: 1 for a block, which gives all that the model knows of each
 * token up to there, or else 0. Other modules give parts of it.
 */
int32_t eidos_split_model_module_is_recommended(const eidos_split_model *model, size_t index);

/**
 * Counts the split points that a model was loaded with.
 */
size_t eidos_split_model_split_point_count(const eidos_split_model *model);

/**
 * Gives the module path of a split point by its index, in the order in which they were given to
 * `eidos_split_model_load`. NULL beyond the last. The string is borrowed from the model; `len` may be NULL.
 */
const char *eidos_split_model_split_point(const eidos_split_model *model, size_t index, size_t *len);

/**
 * Says how many columns the activations of a split point have, by its index; 0 beyond the last.
 */
size_t eidos_split_model_width(const eidos_split_model *model, size_t index);

/**
 * Makes one more handle of the same model, for another owner, who frees it. What was borrowed from one is valid until
 * the last of them is freed. `err` may be NULL.
 */
eidos_status eidos_split_model_retain(const eidos_split_model *model, eidos_split_model **out, eidos_error **err);

/**
 * Frees a model; NULL is fine. Activations made with it live on.
 */
void eidos_split_model_free(eidos_split_model *model);

/* --- Texts as a model reads them ----------------------------------------------------------------------------------- */

/**
 * Inputs are texts as a model reads them: the texts and their tokens, made once from the tokenizer of a model. They
 * serve for models with that tokenizer, whatever their split points; other models refuse them with `EIDOS_MISMATCH`.
 * They never change: any number of threads may read them at the same time. In memory they take the bytes of the texts
 * and 16 bytes a token. Made by `eidos_inputs_from_texts` and the other `eidos_inputs_from_*`, freed with
 * `eidos_inputs_free`.
 */
typedef struct eidos_inputs eidos_inputs;

/**
 * These options say how texts become inputs; results do not depend on them. Fill the struct with
 * `eidos_inputs_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_inputs_options_init`.
     */
    uint32_t struct_size;
    /**
     * This many threads tokenize; 0, the default, is one per core.
     */
    uint32_t threads;
} eidos_inputs_options;

/**
 * Fills the options of inputs with the defaults. `size` is `sizeof(eidos_inputs_options)`.
 */
eidos_status eidos_inputs_options_init(eidos_inputs_options *options, size_t size);

/**
 * Makes inputs of texts. `lengths` says how many bytes each text has, and a NUL is then a character like others; where
 * it is NULL, each text ends at its first NUL. `text_count` is the length of both arrays. `lengths`, `options`,
 * `control` and `err` may be NULL.
 *
 * A text is read as far as the model can read it; what is behind that costs nothing. A text with 1 MiB in which
 * nothing shows where words end (no letters beside a space, no line break between letters) is
 * `EIDOS_INVALID_ARGUMENT`.
 */
eidos_status eidos_inputs_from_texts(const eidos_split_model *model,
                                     const char *const *texts,
                                     const size_t *lengths,
                                     size_t text_count,
                                     const eidos_inputs_options *options,
                                     const eidos_control *control,
                                     eidos_inputs **out,
                                     eidos_error **err);

/**
 * Makes inputs of texts that were read from a file, as `eidos_inputs_from_texts` does of texts in memory. `options`,
 * `control` and `err` may be NULL.
 */
eidos_status eidos_inputs_from_texts_handle(const eidos_split_model *model,
                                            const eidos_texts *texts,
                                            const eidos_inputs_options *options,
                                            const eidos_control *control,
                                            eidos_inputs **out,
                                            eidos_error **err);

/**
 * Makes inputs of texts that are token ids already. The model reads these ids and no others: no special token is
 * added, and more ids in a sequence than the model was made for are an error. `ids` has the ids of all sequences, one
 * after the other, and `lengths` says how many each of the `sequence_count` sequences has: `id_count` in all, or the
 * call is `EIDOS_INVALID_ARGUMENT`. Each token is a unit, whatever granularity the options of a call name; its string
 * is the vocabulary's own. `err` may be NULL.
 */
eidos_status eidos_inputs_from_token_ids(const eidos_split_model *model,
                                         const uint32_t *ids,
                                         size_t id_count,
                                         const size_t *lengths,
                                         size_t sequence_count,
                                         eidos_inputs **out,
                                         eidos_error **err);

/**
 * Makes inputs of the vocabulary of a model's tokenizer: each entry is a sequence of one token. The units are the
 * vocabulary's own strings, whatever granularity the options of a call name. Tokens that were added to the tokenizer and
 * for which the model has no embedding are left out: `eidos_activations_left_out_count` says how many. `err` may be NULL.
 */
eidos_status eidos_inputs_from_vocabulary(const eidos_split_model *model,
                                          eidos_inputs **out,
                                          eidos_error **err);

/**
 * Counts the texts of inputs: sequences where they are token ids, entries where they are a vocabulary.
 */
size_t eidos_inputs_text_count(const eidos_inputs *inputs);

/**
 * Gives a text of inputs by its index, or the string of an entry of the vocabulary; NULL beyond the last, and where
 * there are only token ids. The string is borrowed from the inputs; `len`, where not NULL, receives the bytes before
 * the last NUL, and tells of a NUL inside the text.
 */
const char *eidos_inputs_text(const eidos_inputs *inputs, size_t index, size_t *len);

/**
 * Counts the tokens of all texts of inputs, special ones included: the rows that they have with
 * `EIDOS_GRANULARITY_ALL_TOKENS`.
 */
size_t eidos_inputs_token_count(const eidos_inputs *inputs);

/**
 * Gives the token ids of a text of inputs by its index, special ones included, cut to what the model can read: `ids`
 * receives a view of them, valid until the inputs are freed, and `count` how many they are. `EIDOS_INVALID_ARGUMENT`
 * for a text that is not there. `err` may be NULL.
 */
eidos_status eidos_inputs_token_ids(const eidos_inputs *inputs,
                                    size_t index,
                                    const uint32_t **ids,
                                    size_t *count,
                                    eidos_error **err);

/**
 * Counts the texts of inputs that were longer than the model can read and lost their end.
 */
size_t eidos_inputs_truncated_count(const eidos_inputs *inputs);

/**
 * Makes one more handle of the same inputs, for another owner, who frees it. What was borrowed from one is valid until
 * the last of them is freed. `err` may be NULL.
 */
eidos_status eidos_inputs_retain(const eidos_inputs *inputs, eidos_inputs **out, eidos_error **err);

/**
 * Frees inputs; NULL is fine.
 */
void eidos_inputs_free(eidos_inputs *inputs);

/* --- The tokens of a text ------------------------------------------------------------------------------------------ */

/**
 * Gives the tokens of a text as a model reads them: special ones included, cut to what the model can read. The text has
 * `length` bytes, and a NUL is a character like others. `count` receives how many tokens there are, and each array those of the first `capacity`: the ids, and the first byte and one
 * past the last byte of the text that each stands for, on character boundaries. A special token stands for none: both
 * are the same. Ask with a `capacity` of 0 first to know how many places are needed. `ids`, `begins`, `ends` and `err`
 * may be NULL.
 */
eidos_status eidos_split_model_tokens(const eidos_split_model *model,
                                      const char *text,
                                      size_t length,
                                      uint32_t *ids,
                                      uint32_t *begins,
                                      uint32_t *ends,
                                      size_t capacity,
                                      size_t *count,
                                      eidos_error **err);

/**
 * Gives the vocabulary's own string of a token id (`Ġfilm`, `##ing`), empty where the vocabulary has none; NULL beyond
 * the model's last id, and for a model that was loaded without its tokenizer. The string is borrowed from the model;
 * `len` may be NULL.
 */
const char *eidos_split_model_token_string(const eidos_split_model *model, uint32_t id, size_t *len);

/* --- Activations --------------------------------------------------------------------------------------------------- */

/**
 * `stop_units` of the options named the unit.
 */
#define EIDOS_FILTER_STOP_UNITS 1

/**
 * The unit is a piece of a contraction, which `stop_contractions` of the options left out.
 */
#define EIDOS_FILTER_STOP_CONTRACTIONS 2

/**
 * The unit is nothing but punctuation, which `stop_punctuation` of the options left out.
 */
#define EIDOS_FILTER_STOP_PUNCTUATION 3

/**
 * The unit is nothing but the first position of its text, which `skip_first_position` of the options left out.
 */
#define EIDOS_FILTER_FIRST_POSITION 4

/**
 * The row was far longer than others, and `eidos_activations_without_high_norms` left it out.
 */
#define EIDOS_FILTER_HIGH_NORM 5

/**
 * The unit is an entry of a vocabulary that the model has no embedding for.
 */
#define EIDOS_FILTER_NO_EMBEDDING 6

/**
 * Activations are a matrix, one row per unit of text, with what each row stands for. They never change: any number of
 * threads may read them at the same time. Made by `eidos_split_model_activations`, `eidos_activations_from_rows` or
 * `eidos_activations_open`, freed with `eidos_activations_free`.
 */
typedef struct eidos_activations eidos_activations;

/**
 * Makes activations of a caller's own row-major matrix of `row_count * column_count` values, which is copied.
 * `unit_texts` names each row: `unit_text_count` is the row count, or 0 for rows without names. `err` may be NULL.
 */
eidos_status eidos_activations_from_rows(const float *rows,
                                         size_t row_count,
                                         size_t column_count,
                                         const char *const *unit_texts,
                                         size_t unit_text_count,
                                         eidos_activations **out,
                                         eidos_error **err);

/**
 * Makes activations of a DLPack tensor, version 1, of shape (rows, columns), 32-bit floats, contiguous, on the CPU
 * (`kDLCPU`) or on an NVIDIA GPU (`kDLCUDA`). Rows on the CPU are not copied; where their memory is a mapped file, a
 * program that cuts that file ends the process. Rows on a GPU are copied within it, where they stay for fits and
 * encoding, and the deleter runs before the call returns; whatever writes them must have ended, so synchronise its
 * stream first. On success the tensor belongs to the activations, which run its deleter in the end; on an error it still
 * belongs to the caller. A GPU that is not there, or a build without CUDA, is `EIDOS_DEVICE`.
 *
 * `unit_texts` names each row: `unit_text_count` is the row count, or 0 for rows without names. `err` may be NULL.
 */
eidos_status eidos_activations_from_dlpack(struct DLManagedTensorVersioned *tensor,
                                           const char *const *unit_texts,
                                           size_t unit_text_count,
                                           eidos_activations **out,
                                           eidos_error **err);

/**
 * Gives the rows of activations as a read-only DLPack tensor, version 1, without a copy: on the CPU (`kDLCPU`), or where
 * they stay on an NVIDIA GPU there (`kDLCUDA`). All work on them is done when the call returns, so that any stream may
 * read them. The caller runs its deleter, once its own work on the GPU is done; the rows stay alive until then, even when
 * the activations are freed before. Rows in several shards on disk cannot be one tensor: that is an error. `err` may be
 * NULL.
 */
eidos_status eidos_activations_to_dlpack(const eidos_activations *activations,
                                         struct DLManagedTensorVersioned **out,
                                         eidos_error **err);

/**
 * Counts the rows of activations: one per unit.
 */
size_t eidos_activations_row_count(const eidos_activations *activations);

/**
 * Counts the columns of activations: the width of the module's output.
 */
size_t eidos_activations_column_count(const eidos_activations *activations);

/**
 * Counts the texts of activations that were longer than the model can read and lost their end.
 */
size_t eidos_activations_truncated_count(const eidos_activations *activations);

/**
 * Counts the units that have no row in activations for one reason: `filter` is one of `EIDOS_FILTER_*`. 0 for another
 * number.
 */
size_t eidos_activations_left_out_by(const eidos_activations *activations, uint32_t filter);

/**
 * Gives the filters that left units of activations without a row, as a JSON object with the names that they have in
 * Rust (`{"stop_punctuation":true,"max_norm_multiple":10.0}`); `{}` for none. The string is borrowed from the
 * activations; `len` may be NULL.
 */
const char *eidos_activations_filters(const eidos_activations *activations, size_t *len);

/**
 * Makes activations of the same rows without those whose norm is more than `max_multiple` times the median of all
 * rows' norms. Some models give one token in hundreds a row of a thousand times the length of others; a fit finds such
 * rows instead of concepts, and they lead every list of inputs. A `max_multiple` of 10 leaves out these and little
 * else. Which rows are left out does not depend on their order, on shards or on threads. Of rows that are spread over
 * processes it is the median of all of them, and each process must make this call.
 *
 * Rows on disk are not copied; rows in memory or on a device are, where one of them is left out. The log says how many
 * they are, and so does `eidos_activations_left_out_by`. `EIDOS_INVALID_ARGUMENT` for a multiple below 1;
 * `EIDOS_INVALID_DATA` for a number that is not finite, and where half of the rows are zero. `control` and `err` may be
 * NULL.
 */
eidos_status eidos_activations_without_high_norms(const eidos_activations *activations,
                                                  double max_multiple,
                                                  const eidos_control *control,
                                                  eidos_activations **out,
                                                  eidos_error **err);

/**
 * Counts the units that have no row in activations, for whatever reason: `eidos_activations_left_out_by` says for which.
 */
size_t eidos_activations_left_out_count(const eidos_activations *activations);

/**
 * Counts the texts that activations were collected from; 0 for rows that a caller brought.
 */
size_t eidos_activations_text_count(const eidos_activations *activations);

/**
 * Says whether the rows of activations are memory-mapped from shards on disk: 1 when they are, 0 when they are in
 * memory.
 */
int32_t eidos_activations_is_on_disk(const eidos_activations *activations);

/**
 * Says whether the rows of activations are in the memory of a device: 1 when they are, 0 when they are on the host or on
 * disk. The first view of such rows (`eidos_activations_rows`, `eidos_activations_run`) copies all of them to the host,
 * where they stay until the activations are freed; `eidos_activations_copy_rows` brings only those that are asked for.
 */
int32_t eidos_activations_is_on_device(const eidos_activations *activations);

/**
 * Says what one row of activations stands for: one of `EIDOS_GRANULARITY_*`, or 0 for rows that a caller brought.
 */
uint32_t eidos_activations_granularity(const eidos_activations *activations);

/**
 * Says where a word ended when activations were collected: `EIDOS_WORD_RULE_TOKENIZER` or `EIDOS_WORD_RULE_UNICODE`,
 * or 0 where rows do not stand for words or come from before there was a choice.
 */
uint32_t eidos_activations_word_rule(const eidos_activations *activations);

/**
 * Says how the tokens of a unit became one row of activations: one of `EIDOS_AGGREGATION_*`, or 0 for rows that a
 * caller brought.
 */
uint32_t eidos_activations_aggregation(const eidos_activations *activations);

/**
 * Gives the id or folder of the model that activations were collected from; empty for rows that a caller brought. The
 * string is borrowed from the activations; `len` may be NULL.
 */
const char *eidos_activations_model(const eidos_activations *activations, size_t *len);

/**
 * Gives the module path of the split point that activations were collected at; empty for rows that a caller brought.
 * The string is borrowed from the activations; `len` may be NULL.
 */
const char *eidos_activations_split_point(const eidos_activations *activations, size_t *len);

/**
 * Gives a view of `count` rows of activations from row `first`, row-major, without a copy, valid until the activations
 * are freed. Rows that lie in two shards on disk cannot be one view, which is an error: see `eidos_activations_run`.
 * `err` may be NULL.
 */
eidos_status eidos_activations_rows(const eidos_activations *activations,
                                    size_t first,
                                    size_t count,
                                    const float **out,
                                    eidos_error **err);

/**
 * Gives the rows of activations from row `first` on that lie in one piece of memory, at least one: `rows` receives a
 * view of them, row-major, without a copy, valid until the activations are freed, and `count` how many they are. In
 * memory these are all rows from `first` on; on disk, those up to the end of a shard. To see all rows, go on behind
 * them until `first + count` is the row count. A row that is not there is an error. `err` may be NULL.
 */
eidos_status eidos_activations_run(const eidos_activations *activations,
                                   size_t first,
                                   const float **rows,
                                   size_t *count,
                                   eidos_error **err);

/**
 * Copies `count` rows of activations from row `first` to `out`, row-major, wherever they lie. `out_len` is the number
 * of values that `out` has room for: `count * column_count`. `err` may be NULL.
 */
eidos_status eidos_activations_copy_rows(const eidos_activations *activations,
                                         size_t first,
                                         size_t count,
                                         float *out,
                                         size_t out_len,
                                         eidos_error **err);

/**
 * Gives the text of the unit of a row of activations (`" film"`); NULL beyond the last row and for rows without unit
 * texts. The string is borrowed from the activations; `len`, where not NULL, receives the bytes before the NUL, and
 * tells of a NUL inside the text.
 */
const char *eidos_activations_unit(const eidos_activations *activations, size_t row, size_t *len);

/**
 * Says where the unit of a row of activations stands: the index of its text, and the first byte and one past the last
 * byte of the unit in that text's UTF-8, both on character boundaries. Rows that a caller brought have no spans: that
 * is an error. `text_index`, `begin`, `end` and `err` may be NULL.
 */
eidos_status eidos_activations_unit_span(const eidos_activations *activations,
                                         size_t row,
                                         size_t *text_index,
                                         size_t *begin,
                                         size_t *end,
                                         eidos_error **err);

/**
 * Gives a text that activations were collected from, by its index; NULL beyond the last. The string is borrowed from
 * the activations; `len` may be NULL.
 */
const char *eidos_activations_text(const eidos_activations *activations, size_t index, size_t *len);

/**
 * Writes activations to a folder, which is made where missing: shards, units and texts, and a manifest last. While
 * another call writes into the folder, of this process or another one, the call is `EIDOS_BUSY`; a folder of somebody
 * else's files is `EIDOS_MISMATCH`. `control` and `err` may be NULL.
 */
eidos_status eidos_activations_save(const eidos_activations *activations,
                                    const char *folder,
                                    const eidos_control *control,
                                    eidos_error **err);

/**
 * Opens activations in a folder that `eidos_activations_save` or a collection into a folder wrote. Rows are
 * memory-mapped: a program that cuts one of the files while they are in use ends the process, by SIGBUS where there
 * are signals. `err` may be NULL.
 */
eidos_status eidos_activations_open(const char *folder, eidos_activations **out, eidos_error **err);

/**
 * Opens activations as `eidos_activations_open` does, with the rows read into memory (4 bytes a value) instead of
 * mapped: what happens to the files afterwards does not matter, and all rows are one view. `err` may be NULL.
 */
eidos_status eidos_activations_open_copy(const char *folder, eidos_activations **out, eidos_error **err);

/**
 * Makes one more handle of the same activations, for another owner, who frees it. What was borrowed from one is valid
 * until the last of them is freed. `err` may be NULL.
 */
eidos_status eidos_activations_retain(const eidos_activations *activations, eidos_activations **out, eidos_error **err);

/**
 * Frees activations; NULL is fine. Views of their rows and borrowed strings end here; DLPack tensors live on.
 */
void eidos_activations_free(eidos_activations *activations);

/* --- Explainers: fitted concepts ----------------------------------------------------------------------------------- */

/**
 * An explainer holds concepts: it encodes rows of activations into concepts and decodes them back. It never changes:
 * any number of threads may use it at the same time. Made by a fit (`eidos_ica_fit`), by
 * `eidos_explainer_from_dictionary` or `eidos_explainer_open`, freed with `eidos_explainer_free`.
 */
typedef struct eidos_explainer eidos_explainer;

/**
 * Counts the concepts of an explainer.
 */
size_t eidos_explainer_concept_count(const eidos_explainer *explainer);

/**
 * Says how many columns the rows have that an explainer encodes.
 */
size_t eidos_explainer_input_width(const eidos_explainer *explainer);

/**
 * Says how many columns the rows have that an explainer decodes into: those that it encodes, but for a transcoder; 0 where it
 * cannot decode.
 */
size_t eidos_explainer_output_width(const eidos_explainer *explainer);

/**
 * Gives the method that found the concepts of an explainer (`ica`). The string is borrowed from the explainer; `len`
 * may be NULL.
 */
const char *eidos_explainer_method(const eidos_explainer *explainer, size_t *len);

/**
 * Gives the id or folder of the model whose activations an explainer was fitted on; empty for rows that a caller
 * brought. The string is borrowed from the explainer; `len` may be NULL.
 */
const char *eidos_explainer_model(const eidos_explainer *explainer, size_t *len);

/**
 * Gives the module path of the split point whose activations an explainer was fitted on; empty for rows that a caller
 * brought. The string is borrowed from the explainer; `len` may be NULL.
 */
const char *eidos_explainer_split_point(const eidos_explainer *explainer, size_t *len);

/**
 * Gives the options of the fit of an explainer as a JSON object, with the names that the method's options have in Rust
 * (`{"concept_count": 20, ...}`). The string is borrowed from the explainer; `len` may be NULL.
 */
const char *eidos_explainer_options(const eidos_explainer *explainer, size_t *len);

/**
 * Says whether the fit of an explainer ended because nothing changed any more: 0 where the iterations ran out before,
 * 1 for a method that does not iterate.
 */
int32_t eidos_explainer_converged(const eidos_explainer *explainer);

/**
 * Says how many iterations the fit of an explainer took, the most of any concept where they are found one after the
 * other; 0 for a method that does not iterate.
 */
size_t eidos_explainer_step_count(const eidos_explainer *explainer);

/**
 * Counts the warnings of the fit of an explainer: that rows were few for the concepts that were asked for, for one. The
 * log has them, too.
 */
size_t eidos_explainer_warning_count(const eidos_explainer *explainer);

/**
 * Gives a warning of the fit of an explainer by its index, a sentence for people; NULL beyond the last. The string is
 * borrowed from the explainer; `len` may be NULL.
 */
const char *eidos_explainer_warning(const eidos_explainer *explainer, size_t index, size_t *len);

/**
 * Counts the measures that the fit of an explainer took: `last_change` of ICA, for one.
 */
size_t eidos_explainer_measure_count(const eidos_explainer *explainer);

/**
 * Gives the name of a measure of the fit of an explainer by its index; NULL beyond the last. The string is borrowed
 * from the explainer; `len` may be NULL.
 */
const char *eidos_explainer_measure_name(const eidos_explainer *explainer, size_t index, size_t *len);

/**
 * Gives the numbers of a measure of the fit of an explainer by its index: one, or one for each concept; NULL beyond
 * the last measure. The numbers are borrowed from the explainer; `len`, where not NULL, receives how many there are.
 */
const double *eidos_explainer_measure_values(const eidos_explainer *explainer, size_t index, size_t *len);

/**
 * Encodes rows into concepts: `out` receives `row_count * concept_count` values, row-major, and `out_len` is their
 * number. `EIDOS_MISMATCH` for rows of another width than the explainer encodes. `err` may be NULL.
 */
eidos_status eidos_explainer_encode(const eidos_explainer *explainer,
                                    const float *rows,
                                    size_t row_count,
                                    size_t column_count,
                                    float *out,
                                    size_t out_len,
                                    eidos_error **err);

/**
 * Decodes concepts back into rows: `out` receives `row_count * output_width` values, row-major, and `out_len` is their
 * number. `EIDOS_MISMATCH` for codes of another number of concepts than the explainer has. `err` may be NULL.
 */
eidos_status eidos_explainer_decode(const eidos_explainer *explainer,
                                    const float *codes,
                                    size_t row_count,
                                    size_t concept_count,
                                    float *out,
                                    size_t out_len,
                                    eidos_error **err);

/**
 * Encodes rows and decodes their codes: `out` receives `row_count * output_width` values, row-major, and `out_len` is their
 * number. An explainer that normalises each row reconstructs only so: codes alone do not say how to bring a row back.
 * `EIDOS_MISMATCH` for rows of another width than the explainer encodes. `err` may be NULL.
 */
eidos_status eidos_explainer_reconstruct(const eidos_explainer *explainer,
                                         const float *rows,
                                         size_t row_count,
                                         size_t column_count,
                                         float *out,
                                         size_t out_len,
                                         eidos_error **err);

/**
 * Gives the dictionary of an explainer: one row per concept, `concept_count * output_width` values, row-major. It is a
 * view without a copy, valid until the explainer is freed. `len`, where not NULL, receives the number of values.
 */
const float *eidos_explainer_dictionary(const eidos_explainer *explainer, size_t *len);

/**
 * Makes an explainer of concepts that somebody else has found, as sparse autoencoders and probes have them:
 * `codes = (row - offset) encoder^T + bias`, and `row = codes dictionary + offset`. `dictionary` and `encoder` have
 * `concept_count` rows of `input_width` values; an `encoder` of NULL is the dictionary itself. `bias` has
 * `concept_count` values and `offset` has `input_width`; NULL is nothing. 1 as `rectified` turns codes below zero into
 * zero (ReLU). The arrays are copied. `encoder`, `bias`, `offset` and `err` may be NULL.
 */
eidos_status eidos_explainer_from_dictionary(const float *dictionary,
                                             const float *encoder,
                                             const float *bias,
                                             const float *offset,
                                             size_t concept_count,
                                             size_t input_width,
                                             uint32_t rectified,
                                             eidos_explainer **out,
                                             eidos_error **err);

/**
 * Writes an explainer to a file, whole or not at all: of several calls that write one at the same time the last one
 * wins. A link stays one, and what it leads to is written; what is there but is not a file (a folder, a pipe, a
 * device) is an error. `err` may be NULL.
 */
eidos_status eidos_explainer_save(const eidos_explainer *explainer, const char *path, eidos_error **err);

/**
 * Opens an explainer that `eidos_explainer_save` wrote to a file, or a published dictionary by its folder or a file of it, which
 * `eidos_explainer_open_published` opens from a hub as well. `err` may be NULL.
 */
eidos_status eidos_explainer_open(const char *path,
                                  eidos_explainer **out,
                                  eidos_error **err);

/**
 * Gives an explainer a scale: makes one with the same concepts that knows how its activations are distributed over these rows, by
 * which `eidos_explain_inputs` judges new ones. A fit does so with its own rows; a caller's dictionary and an explainer from before
 * Eidos kept them have none. `control` and `err` may be NULL.
 */
eidos_status eidos_explainer_calibrate(const eidos_explainer *explainer,
                                       const eidos_activations *activations,
                                       const eidos_control *control,
                                       eidos_explainer **out,
                                       eidos_error **err);

/**
 * Says the mean and the standard deviation of a concept's activations over the rows of the fit, or of `eidos_explainer_calibrate`:
 * an error for an explainer that does not know them. `mean`, `deviation` and `err` may be NULL.
 */
eidos_status eidos_explainer_moments(const eidos_explainer *explainer,
                                     size_t concept_index,
                                     double *mean,
                                     double *deviation,
                                     eidos_error **err);

/**
 * Makes one more handle of the same explainer, for another owner, who frees it. What was borrowed from one is valid
 * until the last of them is freed. `err` may be NULL.
 */
eidos_status eidos_explainer_retain(const eidos_explainer *explainer, eidos_explainer **out, eidos_error **err);

/**
 * Frees an explainer; NULL is fine.
 */
void eidos_explainer_free(eidos_explainer *explainer);

/* --- Finding concepts: a fit for each method ----------------------------------------------------------------------- */

/**
 * All components are found at once. The default.
 */
#define EIDOS_ICA_PARALLEL 1

/**
 * One component is found after the other.
 */
#define EIDOS_ICA_DEFLATION 2

/**
 * The fixed-point iteration of FastICA, step by step as in scikit-learn. The default.
 */
#define EIDOS_SOLVER_FAST_ICA 0

/**
 * Picard-O (Ablin, Cardoso, Gramfort, 2018): L-BFGS on the orthogonal matrices, which reads the rows fewer times for small
 * tolerances, and finds all components at once. Where the contrast has several extreme points, it may end at another one than
 * FastICA does.
 */
#define EIDOS_SOLVER_PICARD_O 1

/**
 * The contrast is `log cosh(alpha x) / alpha`, a good general choice. The default.
 */
#define EIDOS_CONTRAST_LOGCOSH 1

/**
 * The contrast is `-exp(-x^2 / 2)`, which is robust, for very heavy tails.
 */
#define EIDOS_CONTRAST_EXP 2

/**
 * The contrast is `x^4 / 4`, kurtosis, which is sensitive to outliers.
 */
#define EIDOS_CONTRAST_CUBE 3

/**
 * These options say how independent components are fitted. Fill the struct with `eidos_ica_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_ica_options_init`.
     */
    uint32_t struct_size;
    /**
     * The fit finds this many concepts. There is no default: 0 is an error.
     */
    uint32_t concept_count;
    /**
     * The algorithm says in which order components are found: one of `EIDOS_ICA_*`. By default all at once.
     */
    uint32_t algorithm;
    /**
     * The contrast function tells heavy tails from a normal distribution: one of `EIDOS_CONTRAST_*`. By default log
     * cosh.
     */
    uint32_t contrast;
    /**
     * This is the `alpha` of the contrast log cosh, from 1 to 2. By default 1.
     */
    double alpha;
    /**
     * Iterations stop when no component turns by more than this tolerance (1 minus the cosine); those of Picard-O when no
     * entry of the gradient is larger. By default 1e-4.
     */
    double tolerance;
    /**
     * The fit ends after this many iterations, converged or not. By default 200.
     */
    uint32_t max_iterations;
    /**
     * The seed decides the start matrix, which is drawn as NumPy's `RandomState(seed).normal`. By default 0.
     */
    uint32_t seed;
    /**
     * 1 turns each component so that its heavy tail is positive, which is the default; 0 keeps the signs that the
     * iteration ended with, which flip from one iteration to the next.
     */
    uint32_t canonical_signs;
    /**
     * The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
    /**
     * The passes over the rows run on this device: one of `EIDOS_DEVICE_*`. By default on the CPU. On a GPU the
     * components are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that
     * GPU are copied there in tiles.
     */
    uint32_t device;
    /**
     * The passes run on this one of several GPUs, from 0.
     */
    uint32_t device_index;
    /**
     * The solver makes the contrast extreme: one of `EIDOS_SOLVER_*`. By default FastICA.
     */
    uint32_t solver;
} eidos_ica_options;

/**
 * These options say how principal components are found. Fill the struct with `eidos_pca_options_init` first; zero
 * means the default.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_pca_options_init`.
     */
    uint32_t struct_size;
    /**
     * The fit finds this many concepts. There is no default: 0 is an error.
     */
    uint32_t concept_count;
    /**
     * 1 scales codes to unit variance; 0, the default, leaves them.
     */
    uint32_t whiten;
    /**
     * The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
    /**
     * The passes over the rows run on this device: one of `EIDOS_DEVICE_*`. By default on the CPU. On a GPU the
     * components are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that
     * GPU are copied there in tiles.
     */
    uint32_t device;
    /**
     * The passes run on this one of several GPUs, from 0.
     */
    uint32_t device_index;
    /**
     * 1 improves directions from random ones, without the covariance of the features: less memory and work where there are thousands of
     * features and few concepts, on the CPU only. 0, the default, finds the exact ones.
     */
    uint32_t randomised;
    /**
     * Random directions are improved this many times, with a pass over the activations each. By default 5.
     */
    uint32_t power_iterations;
    /**
     * The seed decides the random directions. By default 0.
     */
    uint32_t seed;
} eidos_pca_options;

/**
 * Adds values across processes, as `MPI_Allreduce` does: it replaces each of `count` values by its sum over all
 * processes, the same bits in each of them, and returns `EIDOS_OK`. Any other status ends the fit with it. It runs on
 * the thread that fits, and must not unwind.
 */
typedef eidos_status (*eidos_reduce_callback)(double *values, size_t count, void *user_data);

/**
 * Frees what a callback was called with: it runs once, when the last handle that could call the callback is gone, on
 * the thread that frees it. It must not unwind.
 */
typedef void (*eidos_destroy_callback)(void *user_data);

/**
 * Fills the options of ICA with the defaults. `size` is `sizeof(eidos_ica_options)`.
 */
eidos_status eidos_ica_options_init(eidos_ica_options *options, size_t size);

/**
 * Finds the independent components of activations with FastICA (Hyvarinen, 1999): directions along which the
 * activations have heavy tails; or with Picard-O, see `solver`. Not converging is a result, see
 * `eidos_explainer_converged`. `control` and `err` may be NULL.
 */
eidos_status eidos_ica_fit(const eidos_activations *activations,
                           const eidos_ica_options *options,
                           const eidos_control *control,
                           eidos_explainer **out,
                           eidos_error **err);

/**
 * Fills the options of PCA with the defaults. `size` is `sizeof(eidos_pca_options)`.
 */
eidos_status eidos_pca_options_init(eidos_pca_options *options, size_t size);

/**
 * Finds the principal components of activations: the orthogonal directions along which they vary most, each with its
 * entry of largest magnitude positive. The measures are `explained_variance` and `explained_variance_ratio`, a number
 * for each concept, and `noise_variance`. `control` and `err` may be NULL.
 */
eidos_status eidos_pca_fit(const eidos_activations *activations,
                           const eidos_pca_options *options,
                           const eidos_control *control,
                           eidos_explainer **out,
                           eidos_error **err);

/**
 * Makes activations of the same rows, without a copy, as the share that this process has of rows that are spread over
 * several. A fit on them (`eidos_ica_fit`) adds its sums to those of the other processes with `callback`: every
 * process calls the same fit with the same options on its own share, and all of them end with the same concepts. A
 * process that fails, or that somebody cancels, ends the others too, with `EIDOS_CANCELLED`. Whatever is not a fit
 * sees the rows of this process alone. `callback` is called with `user_data` on each thread that fits. `destroy`, which
 * may be NULL, is called with `user_data` once: when the last handle of the new activations is freed, or, where this call
 * fails, before it returns. So `user_data` must live until then. `err` may be NULL.
 */
eidos_status eidos_activations_spread(const eidos_activations *activations,
                                      eidos_reduce_callback callback,
                                      void *user_data,
                                      eidos_destroy_callback destroy,
                                      eidos_activations **out,
                                      eidos_error **err);

/* --- Finding concepts by decompositions: singular vectors, centres, neurons, and random directions to compare with - */

/**
 * 1 for the nearest centre, 0 for all others. They decode to that centre. The default.
 */
#define EIDOS_KMEANS_ONE_HOT 0

/**
 * The share of each centre, which fall with the squared distance and add up to 1. They decode to the mean of the centres with these
 * shares.
 */
#define EIDOS_KMEANS_SOFT 1

/**
 * How much nearer to each centre the row is than a radius, so that the inputs of the largest codes are the nearest ones. They
 * decode to the projection of the row on the plane of the centres. The radius is twice as far as the rows of the widest centre are from it.
 */
#define EIDOS_KMEANS_PROXIMITY 2

/**
 * These options say how singular vectors are found. Fill the struct with `eidos_svd_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_svd_options_init`.
     */
    uint32_t struct_size;
    /**
     * The fit finds this many concepts. There is no default: 0 is an error.
     */
    uint32_t concept_count;
    /**
     * The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
    /**
     * The passes over the rows run on this device: one of `EIDOS_DEVICE_*`. By default on the CPU. On a GPU the
     * vectors are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that
     * GPU are copied there in tiles.
     */
    uint32_t device;
    /**
     * The passes run on this one of several GPUs, from 0.
     */
    uint32_t device_index;
} eidos_svd_options;

/**
 * These options say how k-means finds centres. Fill the struct with `eidos_kmeans_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_kmeans_options_init`.
     */
    uint32_t struct_size;
    /**
     * The fit finds this many centres. There is no default: 0 is an error.
     */
    uint32_t concept_count;
    /**
     * The codes say how a row belongs to the centres: one of `EIDOS_KMEANS_*`. By default 1 for the nearest one.
     */
    uint32_t codes;
    /**
     * The fit ends after this many iterations, converged or not. By default 300.
     */
    uint32_t max_iterations;
    /**
     * This is how soft soft codes are: the share of a centre falls by the factor e for this part of the mean squared distance
     * between a row and its nearest centre. By default 0.1.
     */
    double temperature;
    /**
     * Iterations stop when the sum of the squared moves of all centres is at most this part of the mean variance of a feature.
     * By default 1e-4.
     */
    double tolerance;
    /**
     * The seed decides the first centres. By default 0.
     */
    uint32_t seed;
    /**
     * The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
    /**
     * Centres move after this many activations each (mini-batches; Sculley, 2010), and an iteration is a pass over all of them; 0, the
     * default, moves them after all (Lloyd). Mini-batches need fewer passes and end a little higher.
     */
    uint32_t batch_size;
    /**
     * This field is always 0.
     */
    uint32_t reserved;
} eidos_kmeans_options;

/**
 * These options say how neurons become concepts. Fill the struct with `eidos_neurons_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_neurons_options_init`.
     */
    uint32_t struct_size;
    /**
     * The rows are read by this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
} eidos_neurons_options;

/**
 * These options say which random directions are drawn. Fill the struct with `eidos_random_directions_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_random_directions_options_init`.
     */
    uint32_t struct_size;
    /**
     * This many directions are drawn; there may be more than columns. There is no default: 0 is an error.
     */
    uint32_t concept_count;
    /**
     * The seed decides the directions, whose entries are drawn as NumPy's `RandomState(seed).normal`. By default 0.
     */
    uint32_t seed;
    /**
     * The rows are read by this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
} eidos_random_directions_options;

/**
 * Fills the options of a singular value decomposition with the defaults. `size` is `sizeof(eidos_svd_options)`.
 */
eidos_status eidos_svd_options_init(eidos_svd_options *options, size_t size);

/**
 * Finds the right singular vectors of activations with the largest singular values: the orthogonal directions that reach the
 * farthest from zero, as principal components of activations that are not centred. The measures are `singular_values`,
 * `explained_variance` and `explained_variance_ratio`, a number for each concept. `control` and `err` may be NULL.
 */
eidos_status eidos_svd_fit(const eidos_activations *activations,
                           const eidos_svd_options *options,
                           const eidos_control *control,
                           eidos_explainer **out,
                           eidos_error **err);

/**
 * Fills the options of k-means with the defaults. `size` is `sizeof(eidos_kmeans_options)`.
 */
eidos_status eidos_kmeans_options_init(eidos_kmeans_options *options, size_t size);

/**
 * Finds centres of activations with k-means (Lloyd, 1982), each the mean of the rows that are nearest to it, from a start by
 * greedy k-means++. The dictionary are the centres; what codes are is a choice, see `codes`. The measures are `inertia`, the sum of
 * the squared distances between rows and their nearest centres, and `cluster_sizes`, a number for each concept. Not converging is a
 * result, see `eidos_explainer_converged`. `control` and `err` may be NULL.
 */
eidos_status eidos_kmeans_fit(const eidos_activations *activations,
                              const eidos_kmeans_options *options,
                              const eidos_control *control,
                              eidos_explainer **out,
                              eidos_error **err);

/**
 * Fills the options of neurons with the defaults. `size` is `sizeof(eidos_neurons_options)`.
 */
eidos_status eidos_neurons_options_init(eidos_neurons_options *options, size_t size);

/**
 * Takes each neuron of the module, a column of its rows, for a concept: codes are the rows themselves. Nothing is learnt but how the
 * codes are distributed. `control` and `err` may be NULL.
 */
eidos_status eidos_neurons_fit(const eidos_activations *activations,
                               const eidos_neurons_options *options,
                               const eidos_control *control,
                               eidos_explainer **out,
                               eidos_error **err);

/**
 * Fills the options of random directions with the defaults. `size` is `sizeof(eidos_random_directions_options)`.
 */
eidos_status eidos_random_directions_options_init(eidos_random_directions_options *options, size_t size);

/**
 * Draws directions at random, the baseline that concepts of any method must beat: what is said of concepts should not hold for
 * them. Up to as many as columns are orthonormal; more have length 1. Only the mean of the activations is learnt, and how the codes
 * are distributed. `control` and `err` may be NULL.
 */
eidos_status eidos_random_directions_fit(const eidos_activations *activations,
                                         const eidos_random_directions_options *options,
                                         const eidos_control *control,
                                         eidos_explainer **out,
                                         eidos_error **err);

/* --- Finding concepts whose codes are sparse, or never negative: factorisations of the rows ------------------------ */

/**
 * These options say how non-negative parts are found. Fill the struct with `eidos_nmf_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_nmf_options_init`.
     */
    uint32_t struct_size;
    /**
     * The fit finds this many parts. There is no default: 0 is an error.
     */
    uint32_t concept_count;
    /**
     * Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By default 1e-4.
     */
    double tolerance;
    /**
     * The fit ends after this many iterations, converged or not. By default 200.
     */
    uint32_t max_iterations;
    /**
     * 1 takes negative values for zero, when the activations are fitted and when they are encoded; with 0, the default, they are an
     * error of the fit.
     */
    uint32_t rectify;
    /**
     * The seed decides the first parts where there are more than directions in the activations. By default 0.
     */
    uint32_t seed;
    /**
     * The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
} eidos_nmf_options;

/**
 * These options say how atoms of codes that are not negative are found. Fill the struct with `eidos_semi_nmf_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_semi_nmf_options_init`.
     */
    uint32_t struct_size;
    /**
     * The fit finds this many concepts. There is no default: 0 is an error.
     */
    uint32_t concept_count;
    /**
     * Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By default 1e-4.
     */
    double tolerance;
    /**
     * The fit ends after this many iterations, converged or not. By default 200.
     */
    uint32_t max_iterations;
    /**
     * The seed decides the first centres. By default 0.
     */
    uint32_t seed;
    /**
     * The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
} eidos_semi_nmf_options;

/**
 * These options say how atoms that are sums of rows are found. Fill the struct with `eidos_convex_nmf_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_convex_nmf_options_init`.
     */
    uint32_t struct_size;
    /**
     * The fit finds this many concepts. There is no default: 0 is an error.
     */
    uint32_t concept_count;
    /**
     * Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By default 1e-4.
     */
    double tolerance;
    /**
     * The fit ends after this many iterations, converged or not. By default 200.
     */
    uint32_t max_iterations;
    /**
     * The atoms may be sums of this many of the rows. By default 4096.
     */
    uint32_t candidate_count;
    /**
     * The seed decides which rows these are, and the first centres. By default 0.
     */
    uint32_t seed;
    /**
     * The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
} eidos_convex_nmf_options;

/**
 * These options say how a dictionary is learned. Fill the struct with `eidos_dictionary_learning_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_dictionary_learning_options_init`.
     */
    uint32_t struct_size;
    /**
     * The fit finds this many atoms; there may be more than columns. There is no default: 0 is an error.
     */
    uint32_t concept_count;
    /**
     * This is the weight of the sum of the magnitudes of the codes: larger ones leave fewer that are not zero. It is in the units of
     * the activations. By default 1.
     */
    double penalty;
    /**
     * Iterations stop when one of them lowers what is minimised by no more than this part of it. By default 1e-4.
     */
    double tolerance;
    /**
     * The fit ends after this many iterations, converged or not. By default 200.
     */
    uint32_t max_iterations;
    /**
     * 1, the default, allows no negative codes; 0 allows them.
     */
    uint32_t positive_codes;
    /**
     * The seed decides the first atoms where there are more than directions in the activations. By default 0.
     */
    uint32_t seed;
    /**
     * The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
} eidos_dictionary_learning_options;

/**
 * These options say how sparse principal components are found. Fill the struct with `eidos_sparse_pca_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_sparse_pca_options_init`.
     */
    uint32_t struct_size;
    /**
     * The fit finds this many concepts. There is no default: 0 is an error.
     */
    uint32_t concept_count;
    /**
     * This is the weight of the sum of the magnitudes of the components' entries: larger ones leave fewer that are not zero. It grows
     * with the root of the number of activations. By default 1.
     */
    double penalty;
    /**
     * This is the ridge that codes are computed with. By default 0.01.
     */
    double ridge;
    /**
     * Iterations stop when one of them lowers what is minimised by less than this part of it. By default 1e-8.
     */
    double tolerance;
    /**
     * The fit ends after this many iterations, converged or not. By default 1000.
     */
    uint32_t max_iterations;
    /**
     * The fit uses this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
    /**
     * The passes over the rows run on this device: one of `EIDOS_DEVICE_*`. By default on the CPU. On a GPU the
     * components are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that
     * GPU are copied there in tiles.
     */
    uint32_t device;
    /**
     * The passes run on this one of several GPUs, from 0.
     */
    uint32_t device_index;
} eidos_sparse_pca_options;

/**
 * Fills the options of non-negative matrix factorisation with the defaults. `size` is `sizeof(eidos_nmf_options)`.
 */
eidos_status eidos_nmf_options_init(eidos_nmf_options *options, size_t size);

/**
 * Finds parts whose sums approximate activations that have no negative values (NMF; Lee and Seung, 1999), such as those behind a
 * ReLU. Each part has length 1; codes are never negative, and most are zero. The measures are `reconstruction_error`,
 * `relative_error` and `mean_nonzero_codes`. Not converging is a result, see `eidos_explainer_converged`. `control` and `err` may be
 * NULL.
 */
eidos_status eidos_nmf_fit(const eidos_activations *activations,
                           const eidos_nmf_options *options,
                           const eidos_control *control,
                           eidos_explainer **out,
                           eidos_error **err);

/**
 * Fills the options of semi-non-negative matrix factorisation with the defaults. `size` is `sizeof(eidos_semi_nmf_options)`.
 */
eidos_status eidos_semi_nmf_options_init(eidos_semi_nmf_options *options,
                                         size_t size);

/**
 * Finds atoms whose sums approximate any activations, with codes that are not negative (semi-NMF; Ding, Li and Jordan, 2010): k-means
 * whose rows may belong to several centres. Each atom has length 1. The measures are those of `eidos_nmf_fit`. Not converging is a
 * result, see `eidos_explainer_converged`. `control` and `err` may be NULL.
 */
eidos_status eidos_semi_nmf_fit(const eidos_activations *activations,
                                const eidos_semi_nmf_options *options,
                                const eidos_control *control,
                                eidos_explainer **out,
                                eidos_error **err);

/**
 * Fills the options of convex non-negative matrix factorisation with the defaults. `size` is `sizeof(eidos_convex_nmf_options)`.
 */
eidos_status eidos_convex_nmf_options_init(eidos_convex_nmf_options *options,
                                           size_t size);

/**
 * Finds atoms that are sums of activations with weights that are not negative, and whose sums approximate activations with codes that
 * are not negative (convex NMF; Ding, Li and Jordan, 2010): semi-NMF whose atoms stay among the rows. Each atom has length 1. The
 * measures are those of `eidos_nmf_fit` and `rows_per_concept`, a number for each concept. Not converging is a result, see
 * `eidos_explainer_converged`. `control` and `err` may be NULL.
 */
eidos_status eidos_convex_nmf_fit(const eidos_activations *activations,
                                  const eidos_convex_nmf_options *options,
                                  const eidos_control *control,
                                  eidos_explainer **out,
                                  eidos_error **err);

/**
 * Fills the options of dictionary learning with the defaults. `size` is `sizeof(eidos_dictionary_learning_options)`.
 */
eidos_status eidos_dictionary_learning_options_init(eidos_dictionary_learning_options *options, size_t size);

/**
 * Finds atoms of which each row of activations needs few (dictionary learning; Mairal and others, 2009): it minimises half the squared
 * difference between rows and sums of atoms, and a penalty on the magnitudes of the codes. No atom is longer than 1. The measures are
 * those of `eidos_nmf_fit`. Not converging is a result, see `eidos_explainer_converged`. `control` and `err` may be NULL.
 */
eidos_status eidos_dictionary_learning_fit(const eidos_activations *activations,
                                           const eidos_dictionary_learning_options *options,
                                           const eidos_control *control,
                                           eidos_explainer **out,
                                           eidos_error **err);

/**
 * Fills the options of sparse principal component analysis with the defaults. `size` is `sizeof(eidos_sparse_pca_options)`.
 */
eidos_status eidos_sparse_pca_options_init(eidos_sparse_pca_options *options,
                                           size_t size);

/**
 * Finds directions that have few columns, from which sums come near to the centred activations, as scikit-learn's `SparsePCA` does. Each
 * has length 1 and its entry of largest magnitude positive. The measures are `nonzero_columns`, a number for each concept, and
 * `objective`. Not converging is a result, see `eidos_explainer_converged`. `control` and `err` may be NULL.
 */
eidos_status eidos_sparse_pca_fit(const eidos_activations *activations,
                                  const eidos_sparse_pca_options *options,
                                  const eidos_control *control,
                                  eidos_explainer **out,
                                  eidos_error **err);

/* --- Dictionaries of others: opened in the formats in which they are published, written in them, and made of a caller's own matrices  */

/**
 * A folder of SAELens 6, which is made if need be: `cfg.json` and `sae_weights.safetensors`, as `SAE.load_from_disk` opens it.
 */
#define EIDOS_DICTIONARY_SAE_LENS 0

/**
 * One safetensors file of the same tensors, with the same configuration as `cfg` in its metadata. It takes every dictionary.
 */
#define EIDOS_DICTIONARY_SAFETENSORS 1

/**
 * Codes below zero are zero.
 */
#define EIDOS_ACTIVATION_RELU 0

/**
 * A row keeps its largest codes, where they are above zero.
 */
#define EIDOS_ACTIVATION_TOP_K 1

/**
 * A row keeps its codes of largest magnitude, with their signs.
 */
#define EIDOS_ACTIVATION_ABS_TOP_K 2

/**
 * Codes that are not above their thresholds, and those below zero, are zero.
 */
#define EIDOS_ACTIVATION_JUMP_RELU 3

/**
 * These options say what the files of a published dictionary do not, and how they are fetched. Fill the struct with
 * `eidos_published_options_init` first; NULL strings mean the environment, the default, or what the files say.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_published_options_init`.
     */
    uint32_t struct_size;
    /**
     * The network says whether files are downloaded: one of `EIDOS_NETWORK_*`.
     */
    uint32_t network;
    /**
     * The dictionary is for this model; NULL means what the files say.
     */
    const char *model;
    /**
     * The dictionary reads rows of this split point, a module path or a hook of TransformerLens (`blocks.5.hook_resid_post`); NULL
     * means what the files say.
     */
    const char *split_point;
    /**
     * The files are those of this branch, tag or commit of their repository; NULL means `main`.
     */
    const char *revision;
    /**
     * Downloads are asked for with this access token; NULL means `HF_TOKEN` or the token file.
     */
    const char *token;
    /**
     * Downloads are kept in this folder; NULL means `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`.
     */
    const char *cache_folder;
    /**
     * The hub has this address; NULL means `HF_ENDPOINT` or the Hugging Face Hub.
     */
    const char *endpoint;
    /**
     * Rows were multiplied by this factor in training, where the files say that there is one but not which
     * (`expected_average_only_in` of SAELens); it is folded into the weights. 0, the default, means that nobody knows it.
     */
    double input_factor;
    /**
     * 1 says that the dictionary is a transcoder, for files that do not say it; 0 leaves it to them.
     */
    uint32_t transcoder;
    /**
     * This field is always 0.
     */
    uint32_t reserved;
} eidos_published_options;

/**
 * Fills the options of a published dictionary with the defaults. `size` is `sizeof(eidos_published_options)`.
 */
eidos_status eidos_published_options_init(eidos_published_options *options, size_t size);

/**
 * Opens a dictionary that somebody trained and published: its folder or a file of it on this machine, or a folder in a repository
 * of a hub, `google/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71`, whose files are fetched into the cache. The formats are
 * those of SAELens (2 to 6), Gemma Scope 1 and 2, Llama Scope, EleutherAI's sparsify and dictionary_learning, and what
 * `eidos_explainer_save_as` and `eidos_explainer_save` write. Where the files name the model and the split point, the explainer has
 * these names, hooks of TransformerLens among them, by which a model can be split. What may be wrong with the codes is a warning
 * of the explainer. `options`, `control` and `err` may be NULL.
 */
eidos_status eidos_explainer_open_published(const char *id_or_path,
                                            const eidos_published_options *options,
                                            const eidos_control *control,
                                            eidos_explainer **out,
                                            eidos_error **err);

/**
 * Writes the dictionary of an explainer for other programs, in one of the formats `EIDOS_DICTIONARY_*`. Each file is written whole or
 * not at all. What only Eidos knows, the report of a fit and the distributions of the codes, is left out. `EIDOS_UNSUPPORTED` for
 * a method without a dictionary, or one that the format cannot say. `err` may be NULL.
 */
eidos_status eidos_explainer_save_as(const eidos_explainer *explainer,
                                     const char *path,
                                     uint32_t format,
                                     eidos_error **err);

/**
 * Makes an explainer of a sparse autoencoder that somebody else has trained:
 * `codes = activation((row - offset) encoder^T + bias)`, and `row = codes dictionary + offset`. `dictionary` and `encoder` have
 * `concept_count` rows of `input_width` values; an `encoder` of NULL is the dictionary itself. `bias` has `concept_count` values and
 * `offset` has `input_width`; NULL is nothing. `activation` is one of `EIDOS_ACTIVATION_*`: `k` is how many codes a row keeps, 0 but
 * for top-k; `thresholds` has `concept_count` values, NULL but for JumpReLU. The arrays are copied. `encoder`, `bias`, `offset`,
 * `thresholds` and `err` may be NULL.
 */
eidos_status eidos_explainer_from_autoencoder(const float *dictionary,
                                              const float *encoder,
                                              const float *bias,
                                              const float *offset,
                                              const float *thresholds,
                                              size_t concept_count,
                                              size_t input_width,
                                              uint32_t activation,
                                              size_t k,
                                              eidos_explainer **out,
                                              eidos_error **err);

/* --- Codes of activations, in memory or in a file that other programs read ----------------------------------------- */

/**
 * The format is what the name of the file says: `.npy`, `.npz`, `.safetensors` or `.parquet`. The default.
 */
#define EIDOS_CODES_OF_PATH 0

/**
 * A dense matrix (rows, concepts) of 32-bit floats, as `numpy.load` reads it.
 */
#define EIDOS_CODES_NPY 1

/**
 * A sparse matrix (rows, concepts) in CSR form, as `scipy.sparse.load_npz` reads it. While it is written, it takes twice its room.
 */
#define EIDOS_CODES_NPZ 2

/**
 * A dense matrix (rows, concepts), the tensor `codes` of a safetensors file.
 */
#define EIDOS_CODES_SAFETENSORS 3

/**
 * A table in Parquet: a line for each code that is not zero, with `row`, `text`, `begin`, `end`, `unit`, `concept` and `activation`.
 * It takes a library with the feature `parquet`.
 */
#define EIDOS_CODES_PARQUET 4

/**
 * These options say where activations are encoded, and how codes are written. Fill the struct with `eidos_encode_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_encode_options_init`.
     */
    uint32_t struct_size;
    /**
     * This many threads encode; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
    /**
     * The activations are encoded on this device: one of `EIDOS_DEVICE_*`. By default on the CPU.
     */
    uint32_t device;
    /**
     * They are encoded on this one of several GPUs, from 0.
     */
    uint32_t device_index;
    /**
     * The format of a file: one of `EIDOS_CODES_*`. By default what the name of the file says.
     */
    uint32_t format;
    /**
     * This field is always 0.
     */
    uint32_t reserved;
} eidos_encode_options;

/**
 * Fills the options of encoding with the defaults. `size` is `sizeof(eidos_encode_options)`.
 */
eidos_status eidos_encode_options_init(eidos_encode_options *options, size_t size);

/**
 * Encodes activations, wherever their rows lie, into concepts: `out` receives `row_count * concept_count` values, row-major, and
 * `out_len` is their number. `EIDOS_MISMATCH` for activations of another width than the explainer encodes. `options`, `control` and
 * `err` may be NULL.
 */
eidos_status eidos_explainer_encode_activations(const eidos_explainer *explainer,
                                                const eidos_activations *activations,
                                                const eidos_encode_options *options,
                                                const eidos_control *control,
                                                float *out,
                                                size_t out_len,
                                                eidos_error **err);

/**
 * Encodes activations, wherever their rows lie, into a sparse matrix in CSR form: `starts` receives `row_count + 1` numbers, where the
 * entries of each row begin and where the last one ends; `concepts` and `values` receive the concept and the code of each entry that is
 * not zero, row by row, concepts ascending. `count` receives how many entries there are: where that is more than `capacity`, the room
 * in `concepts` and `values`, only the first are written, and the same call with more room writes all. `options`, `control`, `starts`,
 * `concepts`, `values` and `err` may be NULL.
 */
eidos_status eidos_explainer_encode_sparse(const eidos_explainer *explainer,
                                           const eidos_activations *activations,
                                           const eidos_encode_options *options,
                                           const eidos_control *control,
                                           size_t *starts,
                                           uint32_t *concepts,
                                           float *values,
                                           size_t capacity,
                                           size_t *count,
                                           eidos_error **err);

/**
 * Encodes activations into a file that other programs read, whole or not at all, as `eidos_explainer_save` writes an explainer. Memory
 * does not grow with the number of rows, which may be in memory, in shards on disk or on a GPU. Rows and concepts count from 0.
 * `options`, `control` and `err` may be NULL.
 */
eidos_status eidos_explainer_save_codes(const eidos_explainer *explainer,
                                        const eidos_activations *activations,
                                        const char *path,
                                        const eidos_encode_options *options,
                                        const eidos_control *control,
                                        eidos_error **err);

/* --- Changes to what the modules of a model give, while it runs ---------------------------------------------------- */

/**
 * Interventions change what modules of a model give while it runs: rows are replaced, a direction is added, a concept
 * is ablated or clamped. There may be any number of them, at any modules that a model can be split at; those at one
 * module follow one another in the order in which they were added. They belong to no model: a run looks first whether
 * they fit. Made by `eidos_interventions_new`, freed with `eidos_interventions_free`.
 *
 * A run under interventions takes the interventions that are there when it begins. The tokens that `tokens` names,
 * where a call has it, are counted over all texts of the inputs, special ones included, as the rows of
 * `EIDOS_GRANULARITY_ALL_TOKENS` are; a `token_count` of 0 stands for all tokens.
 */
typedef struct eidos_interventions eidos_interventions;

/**
 * Makes a list of interventions, with none in it. `err` may be NULL.
 */
eidos_status eidos_interventions_new(eidos_interventions **out, eidos_error **err);

/**
 * Puts rows, which are copied, in the place of what the module at `module_path` gives: one row for each token of the
 * inputs, special ones included, as `eidos_split_model_activations` gives them with `EIDOS_GRANULARITY_ALL_TOKENS`.
 * With those very rows the logits are the same bits as without. A row with a number that is not finite is an error of
 * the run. `err` may be NULL.
 */
eidos_status eidos_interventions_replace_rows(eidos_interventions *interventions,
                                              const char *module_path,
                                              const float *rows,
                                              size_t row_count,
                                              size_t column_count,
                                              eidos_error **err);

/**
 * Puts the rows of activations in the place of what the module at `module_path` gives, as
 * `eidos_interventions_replace_rows` does, without a copy. Rows on disk are read batch by batch, and no more of them
 * is in memory at a time.
 *
 * Activations that know where they come from must be those of that module for these texts, with
 * `EIDOS_GRANULARITY_ALL_TOKENS`: otherwise the run is `EIDOS_MISMATCH`. Of rows that a caller brought
 * (`eidos_activations_from_rows`, `eidos_activations_from_dlpack`) only the shape is known: that is how to put in, on
 * purpose, the rows of another module or of other texts. `err` may be NULL.
 */
eidos_status eidos_interventions_replace_activations(eidos_interventions *interventions,
                                                     const char *module_path,
                                                     const eidos_activations *activations,
                                                     eidos_error **err);

/**
 * Adds `scale` times `direction`, which has `column_count` values and is copied, to the rows of the module at
 * `module_path`: to those of the `token_count` tokens that `tokens` names, or of all tokens. `err` may be NULL.
 */
eidos_status eidos_interventions_add_direction(eidos_interventions *interventions,
                                               const char *module_path,
                                               const float *direction,
                                               size_t column_count,
                                               float scale,
                                               const size_t *tokens,
                                               size_t token_count,
                                               eidos_error **err);

/**
 * Takes a concept of an explainer out of the rows of the module at `module_path`: subtracts its activation times its
 * row of the dictionary, from the rows of the `token_count` tokens that `tokens` names, or of all tokens. `err` may be
 * NULL.
 */
eidos_status eidos_interventions_ablate_concept(eidos_interventions *interventions,
                                                const char *module_path,
                                                const eidos_explainer *explainer,
                                                size_t concept_index,
                                                const size_t *tokens,
                                                size_t token_count,
                                                eidos_error **err);

/**
 * Lets a concept of an explainer have the activation `value` in the rows of the module at `module_path`: adds what is
 * missing of it times its row of the dictionary, to the rows of the `token_count` tokens that `tokens` names, or of
 * all tokens. `err` may be NULL.
 */
eidos_status eidos_interventions_clamp_concept(eidos_interventions *interventions,
                                               const char *module_path,
                                               const eidos_explainer *explainer,
                                               size_t concept_index,
                                               float value,
                                               const size_t *tokens,
                                               size_t token_count,
                                               eidos_error **err);

/**
 * Puts what an explainer reconstructs of the rows of the module at `module_path` in their place, for the `token_count` tokens that
 * `tokens` names, or for all tokens: how much worse the model becomes says what the concepts miss. `EIDOS_UNSUPPORTED` for an
 * explainer that cannot decode, or a transcoder. `err` may be NULL.
 */
eidos_status eidos_interventions_reconstruct(eidos_interventions *interventions,
                                             const char *module_path,
                                             const eidos_explainer *explainer,
                                             const size_t *tokens,
                                             size_t token_count,
                                             eidos_error **err);

/**
 * Counts the interventions of a list.
 */
size_t eidos_interventions_count(const eidos_interventions *interventions);

/**
 * Makes one more handle of the same interventions, for another owner, who frees it. What is added to one is there in
 * all of them. `err` may be NULL.
 */
eidos_status eidos_interventions_retain(const eidos_interventions *interventions,
                                        eidos_interventions **out,
                                        eidos_error **err);

/**
 * Frees interventions; NULL is fine. A run that uses them goes on.
 */
void eidos_interventions_free(eidos_interventions *interventions);

/* --- Collecting activations ---------------------------------------------------------------------------------------- */

/**
 * A row stands for a token that is not a special one.
 */
#define EIDOS_GRANULARITY_TOKEN 1

/**
 * A row stands for a word, as the rule of `EIDOS_WORD_RULE_*` cuts texts: a piece of text without white space in it,
 * but for a space in front where tokens bring one (`" film"`). Punctuation is a word of its own where the rule says
 * so. The default.
 */
#define EIDOS_GRANULARITY_WORD 2

/**
 * A row stands for a sentence.
 */
#define EIDOS_GRANULARITY_SENTENCE 3

/**
 * A row stands for a text, over its tokens that are not special.
 */
#define EIDOS_GRANULARITY_SAMPLE 4

/**
 * A row stands for a position, special tokens included.
 */
#define EIDOS_GRANULARITY_ALL_TOKENS 5

/**
 * A row stands for the first position of a text, which must be the tokenizer's classification token.
 */
#define EIDOS_GRANULARITY_CLS_TOKEN 6

/**
 * Words end where the tokenizer's pre-tokenizer splits them if it does (BERT: `don`, `'`, `t`; Llama 3: ` don`, `'t`;
 * T5: `don't` and `film,`), else where Unicode does (Gemma, Llama 2, Mistral, Phi-3). The default. docs/units.md has a
 * table of the families.
 */
#define EIDOS_WORD_RULE_AUTO 1

/**
 * Words end where the tokenizer's pre-tokenizer splits them; where it splits nothing, white space alone ends a word
 * (`film,`).
 */
#define EIDOS_WORD_RULE_TOKENIZER 2

/**
 * Words end at the word boundaries of Unicode (UAX #29): `don't`, `1,234.50`, each mark of punctuation and each
 * ideograph. A token belongs to the word in which its first byte lies that is not white space; a word in which no
 * token begins has no row.
 */
#define EIDOS_WORD_RULE_UNICODE 3

/**
 * A row is the mean of the rows of the unit's tokens, per column. The default.
 */
#define EIDOS_AGGREGATION_MEAN 1

/**
 * A row is the sum of the rows of the unit's tokens, per column.
 */
#define EIDOS_AGGREGATION_SUM 2

/**
 * A row has the largest value of the unit's tokens, per column.
 */
#define EIDOS_AGGREGATION_MAX 3

/**
 * A row has the smallest value of the unit's tokens, per column.
 */
#define EIDOS_AGGREGATION_MIN 4

/**
 * A row has the value of largest magnitude of the unit's tokens, with its sign, per column.
 */
#define EIDOS_AGGREGATION_SIGNED_MAX 5

/**
 * A row is that of the unit's first token.
 */
#define EIDOS_AGGREGATION_FIRST 6

/**
 * A row is that of the unit's last token.
 */
#define EIDOS_AGGREGATION_LAST 7

/**
 * Texts that are longer than what the model reads lose their end, which has no rows;
 * `eidos_activations_truncated_count` says how many they are, and the log does. The default.
 */
#define EIDOS_ON_LONG_TEXT_TRUNCATE 1

/**
 * A text that is longer than what the model reads is `EIDOS_INVALID_ARGUMENT`, which names it, before the model runs.
 */
#define EIDOS_ON_LONG_TEXT_ERROR 2

/**
 * These options say how activations are collected. Fill the struct with `eidos_activations_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_activations_options_init`.
     */
    uint32_t struct_size;
    /**
     * The granularity says what one row stands for: one of `EIDOS_GRANULARITY_*`. By default a word.
     */
    uint32_t granularity;
    /**
     * The aggregation says how the tokens of a unit become one row: one of `EIDOS_AGGREGATION_*`. By default the mean
     * of the tokens.
     */
    uint32_t aggregation;
    /**
     * This many batches run at the same time on the CPU; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
    /**
     * One batch holds this many tokens at most on the CPU. By default 512. Results do not depend on it.
     */
    uint64_t batch_tokens;
    /**
     * The rows of all split points may take this many bytes in memory; beyond that they go to shards on disk, and with
     * 0 always. By default 4 GiB.
     */
    uint64_t memory_limit;
    /**
     * A shard has this many bytes at most. By default 256 MiB.
     */
    uint64_t shard_bytes;
    /**
     * The shards go into this folder. When given, rows always go there, and an interrupted collection resumes from its
     * last complete shard; a second call that writes into the same folder meanwhile is `EIDOS_BUSY`. The rows of the
     * result are mapped as those of `eidos_activations_open`. NULL means memory, and beyond the memory limit files
     * without a name in the folder for temporary files (`TMPDIR`), of which nothing is left however the process ends.
     */
    const char *folder;
    /**
     * The word rule says where a word ends: one of `EIDOS_WORD_RULE_*`. By default `EIDOS_WORD_RULE_AUTO`.
     */
    uint32_t word_rule;
    /**
     * 1 gives no row to the pieces of contractions: the apostrophe between letters, and `s`, `t`, `d`, `m`, `ll`, `re`
     * and `ve` behind it, in one unit with it or not. For tokens, words and sentences only.
     */
    uint32_t stop_contractions;
    /**
     * These units get no row, such as stop words, by their text: without white space at its ends, in whatever case.
     * For tokens, words and sentences only. `eidos_activations_left_out_count` says how many units got no row.
     */
    const char *const *stop_units;
    /**
     * This is the number of strings in `stop_units`.
     */
    size_t stop_unit_count;
    /**
     * One batch holds this many tokens at most on a device, which wants much larger batches than the CPU. By default
     * 16384. A batch for which the device has no memory is run in halves, and later batches are no larger than what did
     * fit. Results do not depend on it.
     */
    uint64_t device_batch_tokens;
    /**
     * 1 leaves the rows in the memory of the device where the model computes, for fits and encoding there and for
     * `eidos_activations_to_dlpack`. Then `memory_limit` does not count, and `folder` must be NULL. Who reads such rows
     * on the host copies them. On the CPU it changes nothing.
     */
    uint32_t keep_on_device;
    /**
     * 1 gives no row to units that are nothing but punctuation: characters of Unicode's categories P, and those of ASCII
     * that are neither letters, digits nor white space, as BERT's tokenizer has it. For tokens, words and sentences only.
     */
    uint32_t stop_punctuation;
    /**
     * 1 leaves the first position of each text out of its unit: many models give it a row of its own kind and of a huge
     * norm, whatever stands there (an attention sink). A unit that is nothing else gets no row, and the row of a longer
     * one is made of its other tokens. Rows of a huge norm elsewhere: `eidos_activations_without_high_norms`.
     */
    uint32_t skip_first_position;
    /**
     * This says what becomes of texts that are longer than what the model reads: one of `EIDOS_ON_LONG_TEXT_*`. By
     * default they lose their end.
     */
    uint32_t on_long_text;
} eidos_activations_options;

/**
 * Gives the next text of a source: sets `*text` to its bytes, in UTF-8, and `*len` to how many they are, and returns
 * `EIDOS_OK`. The bytes are copied before the next call. Where `*len` is left as it was, the text ends at its first
 * NUL; where `*text` is left as it was, NULL, there are no more texts. Any other status ends the call that asks, with
 * that status; shards that the texts so far fill are written first, unless it is `EIDOS_CANCELLED`.
 */
typedef eidos_status (*eidos_text_callback)(const char **text, size_t *len, void *user_data);

/**
 * Fills the options of activations with the defaults. `size` is `sizeof(eidos_activations_options)`.
 */
eidos_status eidos_activations_options_init(eidos_activations_options *options, size_t size);

/**
 * Collects the activations of inputs at each split point of a model: `out` receives one handle per split point, in
 * their order, and `out_count` is their number. A text without tokens gives no rows.
 *
 * Under `interventions` the model goes on with what they make of the rows of its modules: see
 * `eidos_split_model_logits`. An intervention behind the last split point changes nothing. `interventions`, `options`,
 * `control` and `err` may be NULL.
 */
eidos_status eidos_split_model_activations(const eidos_split_model *model,
                                           const eidos_inputs *inputs,
                                           const eidos_interventions *interventions,
                                           const eidos_activations_options *options,
                                           const eidos_control *control,
                                           eidos_activations **out,
                                           size_t out_count,
                                           eidos_error **err);

/**
 * Collects the activations of texts that come one after the other, at each split point of a model: the same bits as
 * those of `eidos_split_model_activations` for the same texts at once. `callback` is asked on the calling thread, with
 * `user_data`, and may take its time; it must not unwind. The rows of the first texts lie in shards on disk before the
 * last texts are asked for. `interventions`, `options`, `control` and `err` may be NULL.
 *
 * Interventions count tokens over all texts. That rows which replace others are of another text, or too few, is said
 * when that text comes; that they are too many, or that a token was named that no text has, once there are no more
 * texts.
 *
 * Memory is bounded by one shard of rows per split point, the tokens of its texts, and one copy of each different
 * string of a unit; beyond `memory_limit`, and with a `folder`, texts and units lie in files without a name.
 *
 * With a `folder`, what is complete stays there after a failure of the callback, an error or a cancel: the same texts
 * into the same folder go on from there. They are asked for again from the first one on, and `EIDOS_MISMATCH` says
 * which shard is of other texts. A folder of a stream and one of texts at once do not continue one another.
 */
eidos_status eidos_split_model_stream_activations(const eidos_split_model *model,
                                                  eidos_text_callback callback,
                                                  void *user_data,
                                                  const eidos_interventions *interventions,
                                                  const eidos_activations_options *options,
                                                  const eidos_control *control,
                                                  eidos_activations **out,
                                                  size_t out_count,
                                                  eidos_error **err);

/* --- Sparse autoencoders and transcoders: training ----------------------------------------------------------------- */

/**
 * The batch keeps its largest codes, `k` for each row on average; what is trained has one threshold for all. The default.
 */
#define EIDOS_SAE_BATCH_TOP_K 1

/**
 * Each row keeps its `k` largest codes.
 */
#define EIDOS_SAE_TOP_K 2

/**
 * A ReLU, and a penalty on the sum of the codes.
 */
#define EIDOS_SAE_VANILLA 3

/**
 * A threshold for each concept, learned with straight-through gradients, and a penalty on the number of codes.
 */
#define EIDOS_SAE_JUMP_RELU 4

/**
 * A gate decides which codes a row has, apart from how large they are, and a penalty on the gates.
 */
#define EIDOS_SAE_GATED 5

/**
 * Batch-top-k whose first concepts reconstruct the rows by themselves as well: general concepts come first.
 */
#define EIDOS_SAE_MATRYOSHKA 6

/**
 * A row takes the concept that explains most of it, then that which explains most of the rest, and so on, `k` times at most. The
 * dictionary is all that is trained: there are no weights of an encoder.
 */
#define EIDOS_SAE_MATCHING_PURSUIT 7

/**
 * All pre-activations within half a bandwidth count the same. The default.
 */
#define EIDOS_KERNEL_RECTANGLE 0

/**
 * The kernel falls in a line to zero at half a bandwidth.
 */
#define EIDOS_KERNEL_TRIANGULAR 1

/**
 * The kernel is a parabola that is zero at half a bandwidth.
 */
#define EIDOS_KERNEL_EPANECHNIKOV 2

/**
 * The kernel is the square of a parabola that is zero at half a bandwidth.
 */
#define EIDOS_KERNEL_QUARTIC 3

/**
 * The kernel is a wave of the cosine that is zero at a bandwidth.
 */
#define EIDOS_KERNEL_COSINE 4

/**
 * The kernel is a normal distribution with half a bandwidth as its deviation.
 */
#define EIDOS_KERNEL_GAUSSIAN 5

/**
 * The kernel is Silverman's, which is a little below zero in its tails.
 */
#define EIDOS_KERNEL_SILVERMAN 6

/**
 * The kernel is a Cauchy distribution, with heavy tails.
 */
#define EIDOS_KERNEL_CAUCHY 7

/**
 * These options say how a sparse autoencoder is trained. Fill the struct with `eidos_sae_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_sae_options_init`.
     */
    uint32_t struct_size;
    /**
     * The training finds this many concepts. There is no default: 0 is an error.
     */
    uint32_t concept_count;
    /**
     * The kind says how the number of codes of a row is kept small: one of `EIDOS_SAE_*`. By default batch-top-k.
     */
    uint32_t kind;
    /**
     * A row has this many codes: exactly, at most or on average, as the kind says. 0, the default, is a twelfth of the columns, at
     * most 64.
     */
    uint32_t k;
    /**
     * The file that the state of the training is written to, and continued from if it is there; NULL is none. A training that
     * is cancelled writes it.
     */
    const char *checkpoint;
    /**
     * The weight of the penalty of a kind that has one. 0, the default, adapts it while it trains, so that a row has `k` codes on
     * average.
     */
    double penalty;
    /**
     * The width of the kernel by which the thresholds of a JumpReLU learn, for rows whose columns have the variance 1 on average. 0,
     * the default, is 1.
     */
    double bandwidth;
    /**
     * The learning rate of Adam, for rows whose columns have the variance 1 on average; the dictionary of a kind with an encoder learns
     * three times as fast. 0, the default, is `1e-3 * sqrt(16384 / concept_count)`, from 2.5e-4 to 5e-3.
     */
    double learning_rate;
    /**
     * The share of the steps over which the learning rate rises from 0. By default 0.05.
     */
    double warm_up;
    /**
     * The share of the steps at the end over which the learning rate falls to 0. By default 0.25.
     */
    double decay;
    /**
     * The weight of the loss by which concepts that no row has learn what the others leave unexplained; 0 is none. By default 1.
     */
    double dead_weight;
    /**
     * The share of the rows that the autoencoder is measured on, and not trained. By default 0.05.
     */
    double held_out;
    /**
     * The parameters are changed this many times, each time for one batch. 0, the default, reads the rows twenty times, in at
     * least 4000 and at most 30,000 steps.
     */
    uint32_t steps;
    /**
     * A batch has this many rows. By default 1024.
     */
    uint32_t batch_rows;
    /**
     * A concept is dead when none of so many rows had it. 0, the default, is as many as have it two hundred times where all
     * concepts are as frequent, and at least twenty batches; for matching pursuit fifty times; for a Matryoshka autoencoder a
     * thousand times, but no more than a twentieth of what it is trained on.
     */
    uint32_t dead_after;
    /**
     * So many rows are shuffled together. By default 65,536.
     */
    uint32_t shuffled_rows;
    /**
     * After so many steps the checkpoint is written; 0, the default, is only when the training is cancelled.
     */
    uint32_t checkpoint_every;
    /**
     * The seed decides the start and the order of the rows. By default 0.
     */
    uint32_t seed;
    /**
     * The training uses this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
    /**
     * 1, the default, lets dead concepts begin anew at what the worst rows lack, as long as the learning rate is not falling; 0 does
     * not.
     */
    uint32_t restart_dead;
    /**
     * The thresholds of a JumpReLU learn by this kernel: one of `EIDOS_KERNEL_*`. By default a rectangle.
     */
    uint32_t kernel;
    /**
     * The steps run on this device: one of `EIDOS_DEVICE_*`. By default on the CPU. On a GPU the result differs from that of the
     * CPU by rounding, and the kind cannot be matching pursuit.
     */
    uint32_t device;
    /**
     * This is the number of the GPU that is used with `EIDOS_DEVICE_CUDA`, from 0.
     */
    uint32_t device_index;
} eidos_sae_options;

/**
 * Fills the options of a sparse autoencoder with the defaults. `size` is `sizeof(eidos_sae_options)`.
 */
eidos_status eidos_sae_options_init(eidos_sae_options *options, size_t size);

/**
 * Trains a sparse autoencoder: many concepts, of which each row has few, that reconstruct the rows. The measures are, on rows
 * that were held out, `fvu`, the fraction of variance unexplained, `l0`, the codes of a row on average, and `loss`, the squared
 * error of a row; and the shares of concepts that are `dead`, which no row has, and `dense`, which more than a tenth of the rows
 * have. They are logged while it trains. `EIDOS_UNSUPPORTED` for rows that are spread over processes. `control` and `err` may be
 * NULL.
 */
eidos_status eidos_sae_fit(const eidos_activations *activations,
                           const eidos_sae_options *options,
                           const eidos_control *control,
                           eidos_explainer **out,
                           eidos_error **err);

/**
 * Trains a sparse autoencoder as `eidos_sae_fit`, on the rows that a model gives for inputs at its split point of that number. Nobody
 * keeps the rows: those that are shuffled together are made by the model when they are read, in each pass again. The result has the
 * bits of a training on activations that were collected with the same options, which may name neither a folder nor the memory of a
 * device. `activations_options`, `control` and `err` may be NULL.
 */
eidos_status eidos_sae_fit_texts(const eidos_split_model *model,
                                 const eidos_inputs *inputs,
                                 size_t split_point,
                                 const eidos_activations_options *activations_options,
                                 const eidos_sae_options *options,
                                 const eidos_control *control,
                                 eidos_explainer **out,
                                 eidos_error **err);

/**
 * Trains a transcoder: as `eidos_sae_fit`, but what it gives are the rows of another module, such as the output of an MLP whose
 * input it reads. `inputs` and `outputs` have the same units, row by row; `EIDOS_MISMATCH` where they have not. `control` and
 * `err` may be NULL.
 */
eidos_status eidos_sae_fit_transcoder(const eidos_activations *inputs,
                                      const eidos_activations *outputs,
                                      const eidos_sae_options *options,
                                      const eidos_control *control,
                                      eidos_explainer **out,
                                      eidos_error **err);

/**
 * Trains a transcoder as `eidos_sae_fit_transcoder`, on the rows that a model gives for inputs at two of its split points: those of
 * `split_point` are read, and those of `output_split_point` are to be given. Nobody keeps the rows, as in `eidos_sae_fit_texts`; the model
 * runs for each of the two. The result has the bits of a training on activations that were collected with the same options.
 * `activations_options`, `control` and `err` may be NULL.
 */
eidos_status eidos_sae_fit_transcoder_texts(const eidos_split_model *model,
                                            const eidos_inputs *inputs,
                                            size_t split_point,
                                            size_t output_split_point,
                                            const eidos_activations_options *activations_options,
                                            const eidos_sae_options *options,
                                            const eidos_control *control,
                                            eidos_explainer **out,
                                            eidos_error **err);

/* --- What a collection of activations will take, before it is run -------------------------------------------------- */

/**
 * This struct says what a collection of activations will take.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, as far as the library filled it.
     */
    uint32_t struct_size;
    /**
     * 1 where the rows will go to disk: they are more than the memory limit, or have a folder.
     */
    uint32_t on_disk;
    /**
     * There are this many texts.
     */
    size_t text_count;
    /**
     * The model reads this many tokens, special ones included: exactly.
     */
    size_t token_count;
    /**
     * Each split point will have this many rows: exactly.
     */
    size_t row_count;
    /**
     * This many tokens were run to know the seconds.
     */
    size_t sampled_token_count;
    /**
     * The rows of all split points will have this many bytes: exactly.
     */
    uint64_t row_bytes;
    /**
     * `eidos_split_model_activations` will take this many seconds on this machine, as busy as it is now.
     */
    double seconds;
} eidos_estimate;

/**
 * Says what `eidos_split_model_activations` will take with these inputs and options: texts are cut into units, so that
 * rows and bytes are exact, and a sample of the texts, spread over all lengths, is run for about a second. Where that is
 * all of them, the seconds are what they took; else they are mostly within a quarter on a machine that stays as busy.
 * A slow disk takes longer. `size` is `sizeof(eidos_estimate)`. `options`, `control` and `err` may be NULL.
 */
eidos_status eidos_split_model_estimate(const eidos_split_model *model,
                                        const eidos_inputs *inputs,
                                        const eidos_activations_options *options,
                                        const eidos_control *control,
                                        eidos_estimate *out,
                                        size_t size,
                                        eidos_error **err);

/* --- Logits -------------------------------------------------------------------------------------------------------- */

/**
 * These options say how logits are computed; results do not depend on them, but for `on_long_text`. Fill the struct with
 * `eidos_logits_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_logits_options_init`.
     */
    uint32_t struct_size;
    /**
     * This many batches run at the same time on the CPU; 0, the default, is one per core.
     */
    uint32_t threads;
    /**
     * One batch holds this many tokens at most; 0, the default, is as many as have 64 MiB of logits, and no more than 512;
     * on a device as many as have 512 MiB, and no more than 16384.
     */
    uint64_t batch_tokens;
    /**
     * The logits may take this many bytes in memory, 4 for each token and each id of the vocabulary; beyond that they
     * go to temporary files without a name, and with 0 always. By default 4 GiB.
     */
    uint64_t memory_limit;
    /**
     * This says what becomes of texts that are longer than what the model reads: one of `EIDOS_ON_LONG_TEXT_*`. By
     * default they lose their end.
     */
    uint32_t on_long_text;
    /**
     * This field is always 0.
     */
    uint32_t reserved;
} eidos_logits_options;

/**
 * Fills the options of logits with the defaults. `size` is `sizeof(eidos_logits_options)`.
 */
eidos_status eidos_logits_options_init(eidos_logits_options *options, size_t size);

/**
 * Computes the logits of inputs: what the head of a model gives for each token, special ones included, or for each
 * text where the model classifies texts. The model must have been loaded as a `whole`.
 *
 * The result is a matrix like any other activations: a row is a token (`EIDOS_GRANULARITY_ALL_TOKENS`) or a text
 * (`EIDOS_GRANULARITY_SAMPLE`), `eidos_activations_unit_span` says of which text, and column `j` is what
 * `eidos_split_model_logit_name` says. A text without tokens gives no rows.
 *
 * Under `interventions` the model goes on with what they make of the rows of its modules, which need not be split
 * points. What does not fit is an error before the model runs: `EIDOS_UNKNOWN_MODULE` with the nearest paths, a number
 * of rows or columns that the module does not have, a token that is not there, a number that is not finite.
 * `interventions`, `options`, `control` and `err` may be NULL.
 */
eidos_status eidos_split_model_logits(const eidos_split_model *model,
                                      const eidos_inputs *inputs,
                                      const eidos_interventions *interventions,
                                      const eidos_logits_options *options,
                                      const eidos_control *control,
                                      eidos_activations **out,
                                      eidos_error **err);

/**
 * Counts the columns that the logits of a model have: ids of the vocabulary, or labels of a classifier. 0 without a
 * head.
 */
size_t eidos_split_model_logit_count(const eidos_split_model *model);

/**
 * Gives what a column of the logits of a model stands for: the vocabulary's own string of that id (`Ġfilm`, `##ing`),
 * empty where the vocabulary has none, or the label of a classifier. NULL beyond the last, and for a model that was
 * loaded without its tokenizer. The string is borrowed from the model; `len` may be NULL.
 */
const char *eidos_split_model_logit_name(const eidos_split_model *model, size_t column, size_t *len);

/* --- What concepts mean: the inputs that excite them most ---------------------------------------------------------- */

/**
 * The inputs are those with the largest activations.
 */
#define EIDOS_POLE_POSITIVE 0

/**
 * The inputs are those with the most negative activations, for concepts that have a sign.
 */
#define EIDOS_POLE_NEGATIVE 1

/**
 * An interpretation says what concepts mean: it lists the inputs that excite each of them. It never changes: any
 * number of threads may read it at the same time. Freed with `eidos_interpretation_free`.
 */
typedef struct eidos_interpretation eidos_interpretation;

/**
 * These options say which inputs an interpretation lists. Fill the struct with `eidos_top_inputs_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_top_inputs_options_init`.
     */
    uint32_t struct_size;
    /**
     * 1 also lists the inputs with the most negative activations.
     */
    uint32_t negative_pole;
    /**
     * This many inputs are listed for each concept; fewer where there are fewer. By default 5; 0 is an error.
     */
    uint64_t k;
    /**
     * These concepts are interpreted, in the order wanted; NULL means all.
     */
    const size_t *concepts;
    /**
     * This is the number of concepts in `concepts`; 0 means all.
     */
    size_t concept_count;
    /**
     * The activations are encoded into concepts on this device: one of `EIDOS_DEVICE_*`. By default on the CPU.
     * Activations that are not on that GPU are copied there in tiles.
     */
    uint32_t device;
    /**
     * They are encoded on this one of several GPUs, from 0.
     */
    uint32_t device_index;
    /**
     * Units with these texts are not listed, in any case and with any white space around them; NULL means none.
     */
    const char *const *stop_units;
    /**
     * This is the number of strings in `stop_units`.
     */
    size_t stop_unit_count;
    /**
     * 1 leaves out units that are nothing but punctuation.
     */
    uint32_t stop_punctuation;
    /**
     * 1 takes texts that differ in their case, or in the white space around them, for the same input; the strongest one is listed.
     */
    uint32_t fold_case;
    /**
     * Inputs that occur less often than this are not listed. By default 1.
     */
    uint64_t least_occurrences;
    /**
     * The passage of an input has up to this many units on each side, within its text; with 0, the default, inputs are listed
     * without one. It is in the JSON: `"passage": {"text", "begin", "end"}`, the last two in bytes.
     */
    uint64_t context;
} eidos_top_inputs_options;

/**
 * Fills the options of top inputs with the defaults. `size` is `sizeof(eidos_top_inputs_options)`.
 */
eidos_status eidos_top_inputs_options_init(eidos_top_inputs_options *options, size_t size);

/**
 * Lists the inputs that excite each concept of an explainer most, among activations that are there already.
 * Occurrences of the same text count once, with their strongest activation; a list ends before the first activation
 * that is exactly zero, so a dead concept has none. `options`, `control` and `err` may be NULL.
 */
eidos_status eidos_top_inputs_interpret(const eidos_explainer *explainer,
                                        const eidos_activations *activations,
                                        const eidos_top_inputs_options *options,
                                        const eidos_control *control,
                                        eidos_interpretation **out,
                                        eidos_error **err);

/**
 * Lists the inputs that excite each concept of an explainer most, among the units of new texts, of token ids, or of
 * the vocabulary. The model must have the explainer's split point. `options`, `activations_options`, `control` and
 * `err` may be NULL.
 */
eidos_status eidos_top_inputs_interpret_inputs(const eidos_explainer *explainer,
                                               const eidos_split_model *model,
                                               const eidos_inputs *inputs,
                                               const eidos_top_inputs_options *options,
                                               const eidos_activations_options *activations_options,
                                               const eidos_control *control,
                                               eidos_interpretation **out,
                                               eidos_error **err);

/**
 * Counts the entries of an interpretation: one for each concept that was interpreted.
 */
size_t eidos_interpretation_concept_count(const eidos_interpretation *interpretation);

/**
 * Says which concept of the explainer the entry `index` of an interpretation is; `SIZE_MAX` beyond the last.
 */
size_t eidos_interpretation_concept(const eidos_interpretation *interpretation, size_t index);

/**
 * Counts the inputs that an interpretation lists for its entry `index` at a pole (`EIDOS_POLE_*`); 0 for a dead
 * concept.
 */
size_t eidos_interpretation_size(const eidos_interpretation *interpretation, size_t index, uint32_t pole);

/**
 * Gives the text of the input of a rank, from 0, of the entry `index` of an interpretation at a pole; NULL beyond the
 * last. The string is borrowed from the interpretation; `len` may be NULL.
 */
const char *eidos_interpretation_input(const eidos_interpretation *interpretation,
                                       size_t index,
                                       uint32_t pole,
                                       size_t rank,
                                       size_t *len);

/**
 * Gives the activation of the input of a rank of the entry `index` of an interpretation at a pole; NaN beyond the
 * last.
 */
float eidos_interpretation_activation(const eidos_interpretation *interpretation,
                                      size_t index,
                                      uint32_t pole,
                                      size_t rank);

/**
 * Gives the row of the activations where the input of a rank of the entry `index` of an interpretation has its
 * activation; `SIZE_MAX` beyond the last.
 */
size_t eidos_interpretation_row(const eidos_interpretation *interpretation, size_t index, uint32_t pole, size_t rank);

/**
 * Gives a whole interpretation as JSON: `{"format", "version", "model", "split_point", "granularity", "aggregation",
 * "concepts": [{"concept", "positive": [{"text", "activation", "row"}], "negative": [...]}]}`; with labels also
 * `"labelling": {"model", "usage"}` and, in each concept, `"positive_label": {"text", "score", "error"}`. The string
 * is borrowed from the interpretation; `len` may be NULL.
 */
const char *eidos_interpretation_json(const eidos_interpretation *interpretation, size_t *len);

/**
 * Writes an interpretation to a JSON file, as `eidos_explainer_save` writes an explainer. `err` may be NULL.
 */
eidos_status eidos_interpretation_save(const eidos_interpretation *interpretation, const char *path, eidos_error **err);

/**
 * Opens an interpretation that `eidos_interpretation_save` wrote to a file, or that of an explainer which
 * `eidos_explainer_save_interpreted` wrote with it. `err` may be NULL.
 */
eidos_status eidos_interpretation_open(const char *path, eidos_interpretation **out, eidos_error **err);

/**
 * Writes an explainer and what its concepts mean, labels and all, to one file, as `eidos_explainer_save` writes an explainer alone.
 * `eidos_explainer_open_interpreted` opens both, `eidos_explainer_open` and `eidos_interpretation_open` one of them.
 * `EIDOS_MISMATCH` for an interpretation with a concept that the explainer does not have. `interpretation`, where there is none,
 * and `err` may be NULL.
 */
eidos_status eidos_explainer_save_interpreted(const eidos_explainer *explainer,
                                              const eidos_interpretation *interpretation,
                                              const char *path,
                                              eidos_error **err);

/**
 * Opens an explainer as `eidos_explainer_open` does, and what its concepts mean where its file says it: otherwise `interpretation`
 * becomes NULL. Where that part of a file is damaged, `eidos_explainer_open` still opens the explainer. `err` may be NULL.
 */
eidos_status eidos_explainer_open_interpreted(const char *path,
                                              eidos_explainer **out,
                                              eidos_interpretation **interpretation,
                                              eidos_error **err);

/**
 * Makes one more handle of the same interpretation, for another owner, who frees it. What was borrowed from one is
 * valid until the last of them is freed. `err` may be NULL.
 */
eidos_status eidos_interpretation_retain(const eidos_interpretation *interpretation,
                                         eidos_interpretation **out,
                                         eidos_error **err);

/**
 * Frees an interpretation; NULL is fine.
 */
void eidos_interpretation_free(eidos_interpretation *interpretation);

/* --- Which concepts fire on the units of texts --------------------------------------------------------------------- */

/**
 * An explanation says which concepts fire on each unit of some texts. It never changes: any number of threads may read it at the
 * same time. Freed with `eidos_explanation_free`.
 */
typedef struct eidos_explanation eidos_explanation;

/**
 * These options say which concepts fire. Fill the struct with `eidos_explain_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_explain_options_init`.
     */
    uint32_t struct_size;
    /**
     * 1 lets concepts fire at their negative pole, too: with activations that far below the mean.
     */
    uint32_t negative_pole;
    /**
     * This many concepts are listed for each unit; fewer where fewer fire. By default 5; 0 is an error.
     */
    uint64_t k;
    /**
     * An activation fires from this many of the concept's standard deviations on, counted from its mean over the rows of the
     * fit. By default 2.
     */
    double least_deviations;
    /**
     * This many threads run the model and encode; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
    /**
     * This must be 0.
     */
    uint32_t reserved;
} eidos_explain_options;

/**
 * A concept that fires on a unit.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, as far as the library filled it.
     */
    uint32_t struct_size;
    /**
     * The concept fires at this pole: one of `EIDOS_POLE_*`.
     */
    uint32_t pole;
    /**
     * This is the index of the concept in its explainer.
     */
    uint64_t concept_index;
    /**
     * This is the concept's activation.
     */
    float activation;
    /**
     * The activation lies this many of the concept's standard deviations above its mean over the rows of the fit; negative below it.
     */
    float deviations;
    /**
     * This share of the rows of the fit has a smaller activation, in percent.
     */
    float percentile;
    /**
     * This is 0.
     */
    uint32_t reserved;
} eidos_firing;

/**
 * Fills the options of explanations with the defaults. `size` is `sizeof(eidos_explain_options)`.
 */
eidos_status eidos_explain_options_init(eidos_explain_options *options, size_t size);

/**
 * Says which concepts of an explainer fire on each unit of new inputs, strongest first. The rows of the units are collected at the
 * explainer's split point, with the granularity and the other options of the rows that it was fitted on; the model must have that
 * split point. Concepts are named by `interpretation`: by their label, or else by the first three of their inputs.
 *
 * A concept fires where its activation lies far from the mean that it has over the rows of the fit, in its own standard deviations.
 * An explainer that was not fitted (`eidos_explainer_from_dictionary`) needs `eidos_explainer_calibrate` first.
 * `interpretation`, `options`, `control` and `err` may be NULL.
 */
eidos_status eidos_explain_inputs(const eidos_explainer *explainer,
                                  const eidos_interpretation *interpretation,
                                  const eidos_split_model *model,
                                  const eidos_inputs *inputs,
                                  const eidos_explain_options *options,
                                  const eidos_control *control,
                                  eidos_explanation **out,
                                  eidos_error **err);

/**
 * Says which concepts of an explainer fire on each unit of activations that are there already, in memory or in shards, as
 * `eidos_explain_inputs` does. `interpretation`, `options`, `control` and `err` may be NULL.
 */
eidos_status eidos_explain_activations(const eidos_explainer *explainer,
                                       const eidos_interpretation *interpretation,
                                       const eidos_activations *activations,
                                       const eidos_explain_options *options,
                                       const eidos_control *control,
                                       eidos_explanation **out,
                                       eidos_error **err);

/**
 * Counts the units of an explanation.
 */
size_t eidos_explanation_unit_count(const eidos_explanation *explanation);

/**
 * Gives the text of a unit of an explanation (`" film"`), by its index; NULL beyond the last. The string is borrowed from the
 * explanation; `len` may be NULL.
 */
const char *eidos_explanation_unit(const eidos_explanation *explanation,
                                   size_t unit,
                                   size_t *len);

/**
 * Says where a unit of an explanation stands: the index of its text, and the first byte and one past the last byte of the unit in
 * that text's UTF-8. Rows that a caller brought have no spans: that is an error. `text_index`, `begin`, `end` and `err` may be NULL.
 */
eidos_status eidos_explanation_unit_span(const eidos_explanation *explanation,
                                         size_t unit,
                                         size_t *text_index,
                                         size_t *begin,
                                         size_t *end,
                                         eidos_error **err);

/**
 * Counts the texts of an explanation; 0 for rows that a caller brought.
 */
size_t eidos_explanation_text_count(const eidos_explanation *explanation);

/**
 * Gives a text of an explanation, by its index; NULL beyond the last. The string is borrowed from the explanation; `len` may be
 * NULL.
 */
const char *eidos_explanation_text(const eidos_explanation *explanation,
                                   size_t index,
                                   size_t *len);

/**
 * Counts the concepts that fire on a unit of an explanation; 0 beyond the last unit.
 */
size_t eidos_explanation_firing_count(const eidos_explanation *explanation, size_t unit);

/**
 * Writes the concept that fires on a unit of an explanation with a rank, from 0, the strongest first. `size` is
 * `sizeof(eidos_firing)`; `err` may be NULL.
 */
eidos_status eidos_explanation_firing(const eidos_explanation *explanation,
                                      size_t unit,
                                      size_t rank,
                                      eidos_firing *out,
                                      size_t size,
                                      eidos_error **err);

/**
 * Gives what a pole (`EIDOS_POLE_*`) of a concept is called: its label, or else its first inputs (`' film', ' movie'`). NULL for a
 * concept that fires nowhere in the explanation, and for one that no interpretation names. The string is borrowed from the
 * explanation; `len` may be NULL.
 */
const char *eidos_explanation_name(const eidos_explanation *explanation,
                                   size_t concept_index,
                                   uint32_t pole,
                                   size_t *len);

/**
 * Gives a whole explanation as JSON: `{"format", "version", "model", "split_point", "granularity", "aggregation", "concepts":
 * [{"concept", "positive": {"label", "inputs"}, "negative"}], "texts": [...], "units": [{"text", "text_index", "begin", "end",
 * "firings": [{"concept", "pole", "activation", "deviations", "percentile"}]}]}`. The string is borrowed from the explanation;
 * `len` may be NULL.
 */
const char *eidos_explanation_json(const eidos_explanation *explanation,
                                   size_t *len);

/**
 * Makes one more handle of the same explanation, for another owner, who frees it. What was borrowed from one is valid until the
 * last of them is freed. `err` may be NULL.
 */
eidos_status eidos_explanation_retain(const eidos_explanation *explanation,
                                      eidos_explanation **out,
                                      eidos_error **err);

/**
 * Frees an explanation; NULL is fine.
 */
void eidos_explanation_free(eidos_explanation *explanation);

/* --- How good concepts are ----------------------------------------------------------------------------------------- */

/**
 * These options say how concepts are measured. Fill the struct with `eidos_metrics_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_metrics_options_init`.
     */
    uint32_t struct_size;
    /**
     * The measuring uses this many threads; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
    /**
     * A concept that is active on more than this share of the rows counts as dense. By default 0.1.
     */
    double dense_share;
    /**
     * Two concepts of a dictionary whose cosine is at least this count as the same. By default 0.9.
     */
    double redundant_cosine;
    /**
     * 1 also gives what there is for each column and concept: the explained variance of each column, the density of each concept and their
     * histogram, the coherence of each.
     */
    uint32_t details;
    /**
     * This field is always 0.
     */
    uint32_t reserved;
} eidos_metrics_options;

/**
 * Fills the options of metrics with the defaults. `size` is `sizeof(eidos_metrics_options)`.
 */
eidos_status eidos_metrics_options_init(eidos_metrics_options *options, size_t size);

/**
 * Measures how good the concepts of one explainer are, or of several on the same rows: what decoding gives back of the rows, how many
 * concepts are active, dead or dense, how much they repeat one another, whether the inputs of a concept belong together, and for each
 * two explainers how much of what one found the other found, too. The rows should not be those of the fit, where others can be had.
 *
 * The only text of `out` is JSON: `{"format", "version", "row_count", "explainers": [{"method", "concept_count", "input_width",
 * "reconstruction": {"mean_squared_error", "relative_error", "fraction_of_variance_unexplained", "cosine"}, "sparsity": {"l0", "l1",
 * "dead", "dense", "has_negative"}, "redundancy": {"mean_largest_cosine", "largest_cosine", "redundant"}, "coherence": {"mean"}}],
 * "stability": [{"first", "second", "assigned_cosine", "largest_cosine_of_first", "largest_cosine_of_second"}]}`. What does not exist
 * is null. With `details`, "reconstruction" has "explained_variance": [...], "sparsity" "density_histogram": [{"from", "to", "count"}]
 * and "densities": [...], and "coherence" "concepts": [...].
 *
 * `interpretations` has one for each explainer, NULL where there is none, and may be NULL. `options`, `control` and `err` may be NULL.
 */
eidos_status eidos_metrics_compare(const eidos_explainer *const *explainers,
                                   const eidos_interpretation *const *interpretations,
                                   size_t count,
                                   const eidos_activations *activations,
                                   const eidos_metrics_options *options,
                                   const eidos_control *control,
                                   eidos_texts **out,
                                   eidos_error **err);

/**
 * Measures what a model loses when the rows of the module `split_point`, one of its split points, are what explainers reconstruct of them:
 * how much worse it predicts, beside what zeros and the mean row in their place cost it (loss recovered), and how far its
 * distributions move. A causal language model predicts the next token, any other language model the token of the row itself. A
 * classifier of texts predicts `labels`, one for each text, and any classifier without them what it says as it is. The model must have
 * been loaded as a `whole`.
 *
 * The only text of `out` is JSON: `{"format", "version", "split_point", "text_count", "prediction_count", "predicted": "next_token" |
 * "token" | "label" | "own_prediction", "loss": {"original", "mean", "zero"}, "divergence": {"original", "mean", "zero"}, "explainers":
 * [{"method", "concept_count", "loss", "loss_recovered", "loss_recovered_from_mean", "divergence", "divergence_recovered",
 * "same_prediction", "logit_error"}]}`. Losses are cross-entropies and divergences those of Kullback and Leibler, in nats. What does not
 * exist is null.
 *
 * `labels` may be NULL with a `label_count` of 0. `options`, `control` and `err` may be NULL.
 */
eidos_status eidos_metrics_compare_through_model(const eidos_split_model *model,
                                                 const eidos_inputs *inputs,
                                                 const char *split_point,
                                                 const eidos_explainer *const *explainers,
                                                 size_t explainer_count,
                                                 const uint32_t *labels,
                                                 size_t label_count,
                                                 const eidos_logits_options *options,
                                                 const eidos_control *control,
                                                 eidos_texts **out,
                                                 eidos_error **err);

/* --- Language models that label concepts --------------------------------------------------------------------------- */

/**
 * A chat is a language model that is asked for labels: one behind a server, or the caller's own. The handle holds the
 * budget and what was spent of it, the connections, the cache of answers and what was learned about the server, from
 * one call to the next. Any number of threads may ask with it at the same time; they share the budget. Made by
 * `eidos_chat_new` or `eidos_chat_from_callback`, freed with `eidos_chat_free`.
 */
typedef struct eidos_chat eidos_chat;

/**
 * These options say which language model is asked, and how. Fill the struct with `eidos_chat_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_chat_options_init`.
     */
    uint32_t struct_size;
    /**
     * One answer may have this many tokens. By default 1024; models that think first need some thousands.
     */
    uint32_t max_tokens;
    /**
     * The server knows the model by this name. A caller's own model needs it for the cache only.
     */
    const char *model;
    /**
     * Requests go to this address with `/chat/completions` appended. NULL: `OPENAI_BASE_URL`, else
     * `https://api.openai.com/v1`.
     */
    const char *base_url;
    /**
     * Requests are sent with this key of the account. NULL: `OPENAI_API_KEY`, which is sent over https and to this
     * very machine only; an empty string sends none. It appears in no error and in no cache.
     */
    const char *api_key;
    /**
     * This folder keeps every answer, so that the same question is paid for once and an interrupted run goes on where
     * it stopped. It is made if it is not there. NULL: no cache.
     */
    const char *cache_folder;
    /**
     * One request may take this many seconds, with its answer. By default 120.
     */
    uint32_t timeout_seconds;
    /**
     * A request that failed for a reason that may pass (no connection, 408, 409, 429, 5xx) is repeated this many
     * times. By default 4.
     */
    uint32_t retries;
    /**
     * This many requests of one call may be on their way at the same time. By default 4; a call asks the caller's own
     * model one question at a time.
     */
    uint32_t parallel_requests;
    /**
     * This field is always 0.
     */
    uint32_t reserved;
    /**
     * The temperature says how much chance there is in the answers; negative leaves it to the server. By default 0.
     */
    double temperature;
    /**
     * At most this many requests may be sent with the handle, repetitions counted. By default there is no limit.
     */
    uint64_t request_budget;
    /**
     * At most this many tokens may be spent with the handle, of questions and answers together. A request that could
     * exceed the budget is not sent. By default there is no limit.
     */
    uint64_t token_budget;
} eidos_chat_options;

/**
 * This struct says what was spent with a language model since its handle was made, by all calls together.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, as far as the library filled it.
     */
    uint32_t struct_size;
    /**
     * This field is always 0.
     */
    uint32_t reserved;
    /**
     * This many requests were sent; a repetition counts.
     */
    uint64_t requests;
    /**
     * The cache answered this many questions.
     */
    uint64_t cached;
    /**
     * The questions had this many tokens, as the server counted them.
     */
    uint64_t prompt_tokens;
    /**
     * The answers had this many tokens, as the server counted them.
     */
    uint64_t completion_tokens;
    /**
     * The server did not say of this many answers what they cost.
     */
    uint64_t unreported;
    /**
     * This many requests may still be sent; `UINT64_MAX` where there is no limit.
     */
    uint64_t requests_left;
    /**
     * This many tokens may still be spent; `UINT64_MAX` where there is no limit. What the requests on their way may
     * need at most is not left.
     */
    uint64_t tokens_left;
} eidos_chat_spending;

/**
 * Fills the options of a language model with the defaults. `size` is `sizeof(eidos_chat_options)`.
 */
eidos_status eidos_chat_options_init(eidos_chat_options *options, size_t size);

/**
 * Makes a language model behind an OpenAI-compatible server. Nothing is sent yet, and `options` are copied: `model`
 * must be set. `EIDOS_INVALID_ARGUMENT` for options that cannot be right, `EIDOS_IO` when the cache folder cannot be
 * made, `EIDOS_UNSUPPORTED` from a library that was built without a client.
 */
eidos_status eidos_chat_new(const eidos_chat_options *options, eidos_chat **out, eidos_error **err);

/**
 * Writes what was spent with a language model and what is left of its budget. `size` is `sizeof(eidos_chat_spending)`.
 * It does not wait for calls in progress; `err` may be NULL.
 */
eidos_status eidos_chat_spent(const eidos_chat *chat, eidos_chat_spending *out, size_t size, eidos_error **err);

/**
 * Makes one more handle of the same language model, for another owner, who frees it: budget, connections and cache are
 * shared.
 */
eidos_status eidos_chat_retain(const eidos_chat *chat, eidos_chat **out, eidos_error **err);

/**
 * Frees a language model; NULL is fine. The last handle of it closes the connections and calls the `destroy` of
 * `eidos_chat_from_callback`.
 */
void eidos_chat_free(eidos_chat *chat);

/* --- Language models of the caller's own --------------------------------------------------------------------------- */

/**
 * A reply receives the answer of a language model of the caller's own. It lives as long as the call of the
 * `eidos_chat_callback`.
 */
typedef struct eidos_chat_reply eidos_chat_reply;

/**
 * This struct is a question to a language model. The struct and its strings are valid during the call of the callback
 * only; the strings are UTF-8 and end in a NUL.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes. The struct may grow at its end.
     */
    uint32_t struct_size;
    /**
     * The answer should have at most this many tokens.
     */
    uint32_t max_tokens;
    /**
     * The system prompt says what the model is to do.
     */
    const char *system_prompt;
    /**
     * This is the length of `system_prompt` in bytes, without the NUL.
     */
    size_t system_prompt_len;
    /**
     * The message of the user says what the model is to do it with.
     */
    const char *user_prompt;
    /**
     * This is the length of `user_prompt` in bytes, without the NUL.
     */
    size_t user_prompt_len;
    /**
     * The answer should follow this JSON schema, to which some models can be held. Answers that follow it roughly are
     * read too.
     */
    const char *json_schema;
    /**
     * This is the length of `json_schema` in bytes, without the NUL.
     */
    size_t json_schema_len;
} eidos_chat_request;

/**
 * Answers a request in the place of a server: it calls `eidos_chat_reply_set_text` on `reply` and returns `EIDOS_OK`.
 * Any other status makes the concept fail with the message of `eidos_chat_reply_set_error`; `EIDOS_ACCESS_DENIED`,
 * `EIDOS_NOT_FOUND` and `EIDOS_BUDGET_EXHAUSTED` stop the requests for further concepts. It runs on the thread that
 * labels, for one request after the other; calls on several threads with the same `eidos_chat` run it on each of them
 * at the same time. It must not unwind, nor free the handles of the call.
 */
typedef eidos_status (*eidos_chat_callback)(const eidos_chat_request *request, eidos_chat_reply *reply, void *user_data);

/**
 * Makes a language model of a function of the caller's, with the cache, the budgets and the longest answer of
 * `options`; what they say of servers is not used, and `model` is needed for a cache only. `callback` runs inside the
 * calls that ask with this handle, never between them. `destroy`, which may be NULL, is called with `user_data` once:
 * when the last handle of this model is freed, or, where this call fails, before it returns. So `user_data` must live
 * until then. `options` and `err` may be NULL. `EIDOS_INVALID_ARGUMENT` when `callback` is NULL or an option cannot be
 * right, `EIDOS_IO` when the cache folder cannot be made.
 */
eidos_status eidos_chat_from_callback(eidos_chat_callback callback,
                                      void *user_data,
                                      eidos_destroy_callback destroy,
                                      const eidos_chat_options *options,
                                      eidos_chat **out,
                                      eidos_error **err);

/**
 * Gives the answer of a language model of the caller's own: `length` bytes of UTF-8 at `answer`, which are copied.
 * `EIDOS_INVALID_ARGUMENT` for other bytes. `err` may be NULL.
 */
eidos_status eidos_chat_reply_set_text(eidos_chat_reply *reply, const char *answer, size_t length, eidos_error **err);

/**
 * Says how many tokens the answer of a language model of the caller's own cost, for the usage and the token budget. An
 * answer without it counts with the most that it can have cost.
 */
void eidos_chat_reply_set_usage(eidos_chat_reply *reply, uint64_t prompt_tokens, uint64_t completion_tokens);

/**
 * Says why a language model of the caller's own has no answer: `message` is copied. The callback then returns a status
 * other than `EIDOS_OK`. `err` may be NULL.
 */
eidos_status eidos_chat_reply_set_error(eidos_chat_reply *reply, const char *message, eidos_error **err);

/* --- Labels for concepts, written by a language model -------------------------------------------------------------- */

/**
 * The examples are those with the strongest activations. The default.
 */
#define EIDOS_SAMPLING_TOP 1

/**
 * The examples are any that excite the concept.
 */
#define EIDOS_SAMPLING_RANDOM 2

/**
 * The examples are equally many of each quantile of activation, at random within it.
 */
#define EIDOS_SAMPLING_QUANTILE 3

/**
 * These options say how concepts are labelled. Fill the struct with `eidos_llm_labels_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_llm_labels_options_init`.
     */
    uint32_t struct_size;
    /**
     * 1 also labels what the most negative activations mean.
     */
    uint32_t negative_pole;
    /**
     * These concepts are labelled, in the order wanted; NULL means all.
     */
    const size_t *concepts;
    /**
     * This is the number of concepts in `concepts`; 0 means all.
     */
    size_t concept_count;
    /**
     * The sampling says how the examples are chosen: one of `EIDOS_SAMPLING_*`. By default the strongest.
     */
    uint32_t sampling;
    /**
     * The model sees this many examples of each concept; fewer where there are fewer. By default 30. A piece of a text
     * is shown once, around its strongest unit, and so are units that stand alone and look the same.
     */
    uint32_t example_count;
    /**
     * An example has this many units of context on each side, as far as its text goes. By default 10; 0 shows the
     * units alone. Whole texts, vocabularies and rows that a caller brought have no context.
     */
    uint32_t context;
    /**
     * `EIDOS_SAMPLING_QUANTILE` cuts the activations into this many quantiles. By default 5.
     */
    uint32_t quantile_count;
    /**
     * The seed decides everything that is drawn at random. By default 0.
     */
    uint32_t seed;
    /**
     * A label is scored on this many unseen passages that excite the concept, and on as many that do not. 0, the
     * default, leaves the score out; 20 is a good number.
     */
    uint32_t score_passages;
    /**
     * One request that scores a label holds this many passages. By default 10: more are cheaper and judged worse.
     */
    uint32_t score_passages_per_request;
    /**
     * 1 asks nothing: the interpretation has the prompts instead of labels, and its usage is an estimate.
     */
    uint32_t dry_run;
    /**
     * When labels are scored, a passage counts as exciting from this part of the concept's strongest activation on, up
     * to 1; below half of that it is quiet. By default 0.5.
     */
    double score_threshold;
    /**
     * These instructions take the place of those of Eidos. They should ask for `{"label": "..."}`. NULL: those of
     * Eidos.
     */
    const char *system_prompt;
} eidos_llm_labels_options;

/**
 * This struct says what the labels of one interpretation have cost.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, as far as the library filled it.
     */
    uint32_t struct_size;
    /**
     * 1 when nothing was asked and the numbers are an estimate.
     */
    uint32_t dry_run;
    /**
     * This many requests were sent; a repetition counts.
     */
    uint64_t requests;
    /**
     * The cache answered this many questions.
     */
    uint64_t cached;
    /**
     * The questions had this many tokens, as the server counted them.
     */
    uint64_t prompt_tokens;
    /**
     * The answers had this many tokens, as the server counted them.
     */
    uint64_t completion_tokens;
    /**
     * The server did not say of this many answers what they cost.
     */
    uint64_t unreported;
} eidos_label_usage;

/**
 * Fills the options of labels with the defaults. `size` is `sizeof(eidos_llm_labels_options)`.
 */
eidos_status eidos_llm_labels_options_init(eidos_llm_labels_options *options, size_t size);

/**
 * Asks a language model for a label of each concept, from the units that excite it and the text around them. The
 * inputs of the interpretation are the examples that the model saw. `chat` is the model, whose budget all calls share
 * that use it at the same time or later; `options`, `control` and `err` may be NULL.
 *
 * A concept that cannot be labelled does not lose the others: it has no label and `eidos_interpretation_label_error`
 * says why. That holds for the concepts, too, that were not asked for because the call was cancelled while it
 * labelled, the budget was spent or the key refused; with a cache folder, a later call goes on there. The call fails
 * only when not one concept could be labelled.
 */
eidos_status eidos_llm_labels_interpret(const eidos_explainer *explainer,
                                        const eidos_activations *activations,
                                        const eidos_chat *chat,
                                        const eidos_llm_labels_options *options,
                                        const eidos_control *control,
                                        eidos_interpretation **out,
                                        eidos_error **err);

/**
 * Gives the label of the entry `index` of an interpretation at a pole (`EIDOS_POLE_*`); NULL when it has none. The
 * string is borrowed from the interpretation; `len` may be NULL.
 */
const char *eidos_interpretation_label(const eidos_interpretation *interpretation,
                                       size_t index,
                                       uint32_t pole,
                                       size_t *len);

/**
 * Says how well the label of the entry `index` of an interpretation at a pole tells unseen passages apart: the
 * balanced accuracy from 0 to 1, where 0.5 is chance. NaN when it was not scored. The JSON has the counts.
 */
double eidos_interpretation_label_score(const eidos_interpretation *interpretation, size_t index, uint32_t pole);

/**
 * Says why the entry `index` of an interpretation has no label at a pole, or a label without a score; NULL when
 * nothing went wrong. The string is borrowed from the interpretation; `len` may be NULL.
 */
const char *eidos_interpretation_label_error(const eidos_interpretation *interpretation,
                                             size_t index,
                                             uint32_t pole,
                                             size_t *len);

/**
 * Gives the status of the entry `index` of an interpretation at a pole, which belongs to
 * `eidos_interpretation_label_error`; `EIDOS_OK` when nothing went wrong. `EIDOS_INVALID_HANDLE` for a handle of
 * another type, `EIDOS_INVALID_ARGUMENT` for NULL and for an entry or pole that is not there.
 */
eidos_status eidos_interpretation_label_status(const eidos_interpretation *interpretation, size_t index, uint32_t pole);

/**
 * Gives what the model would be asked about the entry `index` of an interpretation at a pole: the message of the user.
 * NULL unless it was a dry run. The string is borrowed from the interpretation; `len` may be NULL.
 */
const char *eidos_interpretation_label_prompt(const eidos_interpretation *interpretation,
                                              size_t index,
                                              uint32_t pole,
                                              size_t *len);

/**
 * Writes what the labels of an interpretation have cost: that call alone, whoever else asked with the same
 * `eidos_chat`. All numbers are 0 where nobody labelled. `size` is `sizeof(eidos_label_usage)`; `err` may be NULL.
 */
eidos_status eidos_interpretation_label_usage(const eidos_interpretation *interpretation,
                                              eidos_label_usage *out,
                                              size_t size,
                                              eidos_error **err);

/* --- Something to look at: what was found, as a page --------------------------------------------------------------- */

/**
 * These options say how much a report says. Fill the struct with `eidos_report_options_init` first.
 */
typedef struct {
    /**
     * This is the size of the struct in bytes, set by `eidos_report_options_init`.
     */
    uint32_t struct_size;
    /**
     * This many threads work; 0, the default, is one per core. Results do not depend on it.
     */
    uint32_t threads;
    /**
     * This is the title. NULL names the model and the module.
     */
    const char *title;
    /**
     * This many inputs are listed for each pole of a concept. By default 6.
     */
    uint64_t inputs;
    /**
     * This many passages are shown for each pole of a concept, each from another text. By default 3.
     */
    uint64_t passages;
    /**
     * A passage has this many units on each side of its strongest one, and about 220 bytes of text at most. By default 6.
     */
    uint64_t context;
    /**
     * This many of the nearest concepts are listed for a concept. By default 5.
     */
    uint64_t neighbours;
    /**
     * This many texts are shown with what fires on their units, the first ones. By default 20.
     */
    uint64_t texts;
    /**
     * This many concepts are shown where scripts do not run, and on paper: the strongest ones. By default 20.
     */
    uint64_t concepts_without_scripts;
} eidos_report_options;

/**
 * Fills the options of reports with the defaults. `size` is `sizeof(eidos_report_options)`.
 */
eidos_status eidos_report_options_init(eidos_report_options *options, size_t size);

/**
 * Makes a report on the concepts of an explainer: one HTML page that loads nothing and opens in any browser, with a list of concepts to
 * search and sort, and for each its inputs and labels, the passages in which it is strongest with every unit coloured, its histogram
 * and its nearest concepts; with the report of the fit, a map of the concepts, and texts with what fires on their units. What texts,
 * models and labels say is text on it, never markup.
 *
 * The report has the concepts of `interpretation`, or all without one; then it finds their inputs among the activations. Passages
 * come from `activations`. The texts are those of `explanation`, or without one the first of the activations, which needs an
 * explainer that was fitted or calibrated. With the default options 1,000 concepts take less than 2 MB. The page is the only text
 * of `out`. `interpretation`, `activations`, `explanation`, `options`, `control` and `err` may be NULL.
 */
eidos_status eidos_report_html(const eidos_explainer *explainer,
                               const eidos_interpretation *interpretation,
                               const eidos_activations *activations,
                               const eidos_explanation *explanation,
                               const eidos_report_options *options,
                               const eidos_control *control,
                               eidos_texts **out,
                               eidos_error **err);

/**
 * Writes the page of `eidos_report_html` to a file, as `eidos_explainer_save` writes an explainer. `interpretation`,
 * `activations`, `explanation`, `options`, `control` and `err` may be NULL.
 */
eidos_status eidos_report_save(const eidos_explainer *explainer,
                               const eidos_interpretation *interpretation,
                               const eidos_activations *activations,
                               const eidos_explanation *explanation,
                               const char *path,
                               const eidos_report_options *options,
                               const eidos_control *control,
                               eidos_error **err);

/**
 * Gives the map of `eidos_report_html` as an SVG file: a point for each concept, along the two principal axes of the directions of the
 * dictionary. It is the only text of `out`. An explainer of fewer than three concepts, or without a dictionary, has none: that is an
 * error. `interpretation`, which names the points, `control` and `err` may be NULL.
 */
eidos_status eidos_report_map_svg(const eidos_explainer *explainer,
                                  const eidos_interpretation *interpretation,
                                  const eidos_control *control,
                                  eidos_texts **out,
                                  eidos_error **err);

/**
 * Gives a heat map of a text of activations as an SVG file: its units across, at most 200, and down the `concept_count` concepts that
 * fire most in it, with a cell for each, coloured by how many of the concept's standard deviations the unit's activation lies above or
 * below its mean. It is the only text of `out`. `interpretation`, which names the concepts, `control` and `err` may be NULL.
 */
eidos_status eidos_report_heat_map_svg(const eidos_explainer *explainer,
                                       const eidos_interpretation *interpretation,
                                       const eidos_activations *activations,
                                       size_t text_index,
                                       size_t concept_count,
                                       const eidos_control *control,
                                       eidos_texts **out,
                                       eidos_error **err);

/**
 * Writes what Neuronpedia imports of concepts to a JSON file, as `eidos_explainer_save` writes an explainer: a batch as SAEDashboard
 * writes it, with passages of the positive pole of each concept. What an explainer does not know, such as logits, is empty.
 * `interpretation`, whose concepts are written, `options`, `control` and `err` may be NULL.
 */
eidos_status eidos_report_save_neuronpedia(const eidos_explainer *explainer,
                                           const eidos_interpretation *interpretation,
                                           const eidos_activations *activations,
                                           const char *path,
                                           const eidos_report_options *options,
                                           const eidos_control *control,
                                           eidos_error **err);

/**
 * Writes the activations of concepts to a CSV file, as `eidos_explainer_save` writes an explainer: a line for each unit and each concept
 * that is active there, with the columns `row`, `text`, `begin`, `end`, `unit`, `concept`, `activation` and `deviations`. A concept is
 * active where its activation is not 0 and lies at least `least_deviations` of its standard deviations from its mean; 0 asks for all that
 * are not 0. `interpretation`, whose concepts are written, `control` and `err` may be NULL.
 */
eidos_status eidos_report_save_codes_csv(const eidos_explainer *explainer,
                                         const eidos_interpretation *interpretation,
                                         const eidos_activations *activations,
                                         const char *path,
                                         double least_deviations,
                                         const eidos_control *control,
                                         eidos_error **err);

/**
 * Writes an interpretation to a CSV file, as `eidos_explainer_save` writes an explainer: a line for each input of each pole, with the
 * columns `concept`, `pole`, `label`, `score`, `rank`, `input`, `activation` and `row`. `err` may be NULL.
 */
eidos_status eidos_interpretation_save_csv(const eidos_interpretation *interpretation,
                                           const char *path,
                                           eidos_error **err);

/**
 * Writes an interpretation to a Parquet file, as `eidos_explainer_save` writes an explainer: the lines and columns of
 * `eidos_interpretation_save_csv`. `EIDOS_UNSUPPORTED` where the library was built without the feature `parquet`. `err` may be NULL.
 */
eidos_status eidos_interpretation_save_parquet(const eidos_interpretation *interpretation,
                                               const char *path,
                                               eidos_error **err);

/* --- Opaque handles: numbers, which a table leads to the values ---------------------------------------------------- */

/**
 * Counts the handles that were made and not yet freed, of all types, in this process. It is for leak checks: the count
 * is 0 at the end of a program that frees what it was given.
 */
size_t eidos_debug_live_handles(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* EIDOS_H */
