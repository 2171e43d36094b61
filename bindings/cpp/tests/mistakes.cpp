// Mistakes that the compiler must catch, one per macro; with MISTAKE_NOTHING the file compiles.
#include <eidos.hpp>

eidos::Activations activations();
eidos::Explainer explainer();

void mistake(eidos::SplitModel &model);
void mistake(eidos::SplitModel &model)
{
    static_cast<void>(model);
#ifdef MISTAKE_ROWS
    static_cast<void>(activations().rows());
#endif
#ifdef MISTAKE_SOME_ROWS
    static_cast<void>(activations().rows(0, 1));
#endif
#ifdef MISTAKE_DICTIONARY
    static_cast<void>(explainer().dictionary());
#endif
#ifdef MISTAKE_ROW_OF_A_MATRIX
    static_cast<void>(explainer().encode({}).row(0));
#endif
#ifdef MISTAKE_COPY_OF_A_MODEL
    eidos::SplitModel copy = model;
#endif
#ifdef MISTAKE_RESULT_FORGOTTEN
    model.activations({"a text"});
#endif
#ifdef MISTAKE_NOTHING
    eidos::SplitModel moved = std::move(model);
    const auto rows = activations();
    static_cast<void>(rows.rows(0, 1));
    static_cast<void>(explainer().decode(explainer().encode(rows.rows())));
#endif
}
