// What the block in C++ of the README presupposes.
// prints: Concept 4: ' jokes'
#include <eidos.hpp>
#include <iostream>

int main()
{
    const auto texts = eidos::read_texts("assets/demo-texts.txt");
    // BLOCKS
    std::cout << "Concept 4: '" << meaning.at(4).positive[0].text << "'\n";
}
