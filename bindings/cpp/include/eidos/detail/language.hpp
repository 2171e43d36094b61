/// Attributes that depend on the compiler.
#ifndef EIDOS_DETAIL_LANGUAGE_HPP
#define EIDOS_DETAIL_LANGUAGE_HPP

#if !defined(_MSVC_LANG) && __cplusplus < 201703L
#error "eidos.hpp needs C++17: compile with -std=c++17 or later"
#endif

/// Marks a view that must not outlive its object; Clang warns where it does.
#if defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::lifetimebound)
#define EIDOS_LIFETIMEBOUND [[clang::lifetimebound]]
#endif
#endif
#ifndef EIDOS_LIFETIMEBOUND
#define EIDOS_LIFETIMEBOUND
#endif

#endif
