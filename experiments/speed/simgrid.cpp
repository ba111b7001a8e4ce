// Max-min shares by SimGrid's own solver, for what stands on standard input.
//
// In:  links flows entries; a link: capacity, 1 if a fatpipe, else 0; a flow: penalty, bound or -1;
//      an entry: link, flow, weight.
// Out: CPU seconds of the solve; a rate a flow.
// The library exports its solver without a header for it: these are the few names that are needed.
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <functional>
#include <string_view>
#include <vector>

extern "C" double sg_maxmin_precision;

namespace simgrid::kernel {
namespace resource { class Action; class Resource; }
namespace lmm {
class Variable;
class Constraint {
public:
  enum class SharingPolicy { NONLINEAR = 2, SHARED = 1, FATPIPE = 0 };
  void set_sharing_policy(SharingPolicy, const std::function<double(double, int)>&);
};
class System {
public:
  static System* build(std::string_view, bool);
  Constraint* constraint_new(resource::Resource*, double);
  Variable* variable_new(resource::Action*, double, double, std::size_t);
  void expand(Constraint*, Variable*, double, bool);
  void solve();
};
}
}
using namespace simgrid::kernel::lmm;

static double cpu_s() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

// Where a variable keeps its value: found by a system of one, whose answer nothing else can be.
static std::ptrdiff_t place_of_value() {
  const double known = 12345.678910111213;
  System* small = System::build("maxmin", false);
  Constraint* link = small->constraint_new(nullptr, known);
  Variable* flow = small->variable_new(nullptr, 1.0, -1.0, 1);
  small->expand(link, flow, 1.0, false);
  small->solve();
  for (std::ptrdiff_t at = 0; at < 256; at += 8) {
    double value;
    std::memcpy(&value, reinterpret_cast<char*>(flow) + at, 8);
    if (value == known)
      return at;
  }
  return -1;
}

int main() {
  sg_maxmin_precision = 1e-9;
  const std::ptrdiff_t at = place_of_value();
  int links, flows, entries;
  if (at < 0 || std::scanf("%d %d %d", &links, &flows, &entries) != 3)
    return 1;
  System* all = System::build("maxmin", false);
  std::vector<Constraint*> link(links);
  std::vector<Variable*> flow(flows);
  for (auto& one : link) {
    double capacity; int fat;
    if (std::scanf("%lf %d", &capacity, &fat) != 2) return 1;
    one = all->constraint_new(nullptr, capacity);
    if (fat) one->set_sharing_policy(Constraint::SharingPolicy::FATPIPE, {});
  }
  std::vector<double> penalty(flows), bound(flows);
  std::vector<std::vector<std::pair<int, double>>> uses(flows);
  for (int f = 0; f < flows; f++)
    if (std::scanf("%lf %lf", &penalty[f], &bound[f]) != 2) return 1;
  for (int e = 0; e < entries; e++) {
    int l, f; double weight;
    if (std::scanf("%d %d %lf", &l, &f, &weight) != 3) return 1;
    uses[f].emplace_back(l, weight);
  }
  for (int f = 0; f < flows; f++) {
    flow[f] = all->variable_new(nullptr, penalty[f], bound[f], uses[f].size());
    for (auto [l, weight] : uses[f]) all->expand(link[l], flow[f], weight, false);
  }
  const double began = cpu_s();
  all->solve();
  std::printf("%.9f\n", cpu_s() - began);
  for (auto* one : flow) {
    double value;
    std::memcpy(&value, reinterpret_cast<char*>(one) + at, 8);
    std::printf("%.17g\n", value);
  }
  return 0;
}
