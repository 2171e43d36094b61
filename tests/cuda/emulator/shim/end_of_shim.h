// The last that build.sh puts before a .cu file: what follows is local to it.
namespace {
