// A program of somebody else, in C++.
#include <eidos.hpp>

#include <iostream>

int main()
{
    const auto model = eidos::SplitModel::load("eidos:demo", "model.layers.2.mlp");
    std::cout << "Eidos " << eidos::version() << ": " << model.activations({"a word", "and more"}).row_count() << " words\n";
}
