# What the blocks for CMake in the README of C++ presuppose.
cmake_minimum_required(VERSION 3.18)
project(page LANGUAGES C CXX)
add_executable(my-program program.c)
# BLOCKS
