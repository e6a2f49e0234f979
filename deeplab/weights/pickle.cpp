// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/pickle.h"

#include <cstring>
#include <limits>
#include <unordered_map>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/weights/stored_tensor.h"

namespace deeplab::weights {
namespace {

using Value = PickleValue;
using Text = std::string_view;

/// No tensor of a network has this many dimensions.
constexpr size_t kMostDimensions = 16;

template <class Wanted>
const Wanted& as(const Value& value, const char* what) {
  if (const auto* found = std::get_if<Wanted>(&value)) return *found;
  throw DataError(fmt::format("pickle: expected {}", what));
}

int64_t whole_number(const Value& value, const char* what) {
  const auto number = as<int64_t>(value, what);
  if (number < 0)
    throw DataError(fmt::format("pickle: {} of {}", what, number));
  return number;
}

std::vector<int64_t> whole_numbers(const Value& value) {
  const auto& items = as<PickleList*>(value, "a tuple")->items;
  if (items.size() > kMostDimensions) {
    throw DataError(
        fmt::format("pickle: a tensor of {} dimensions", items.size())
    );
  }
  std::vector<int64_t> numbers;
  for (const auto& item : items) {
    numbers.push_back(whole_number(item, "a size or stride"));
  }
  return numbers;
}

}  // namespace

/// The stack machine of Python's pickle, protocols 2 to 4, with those opcodes
/// that torch.save and TorchScript write.
class PickleMachine {
 public:
  PickleMachine(std::string_view bytes, Pickle& result)
      : bytes_(bytes), result_(result) {}

  Value run();
  size_t position() const { return position_; }

 private:
  bool step_constant(unsigned char code);
  bool step_container(unsigned char code);
  bool step_memo(unsigned char code);
  bool step_object(unsigned char code);

  Text take(size_t count) {
    if (count > bytes_.size() - position_) {
      throw DataError("pickle: ends too early (truncated?)");
    }
    const auto taken = bytes_.substr(position_, count);
    position_ += count;
    return taken;
  }
  template <class Number>
  Number number() {
    Number value{};
    std::memcpy(&value, take(sizeof(value)).data(), sizeof(value));
    return value;
  }
  Text line();
  int64_t long_integer();
  double big_endian_double();

  void push(Value value) { stack_.push_back(value); }
  Value pop();
  std::vector<Value> pop_to_mark();
  std::vector<Value> pop_count(size_t count);
  void push_list(std::vector<Value> items) {
    result_.lists_.push_back({std::move(items)});
    push(&result_.lists_.back());
  }
  void push_dict() {
    result_.dicts_.emplace_back();
    push(&result_.dicts_.back());
  }
  void append(const std::vector<Value>& items);
  void set_items(const std::vector<Value>& items);
  void set_state();
  void call(const Value& callable, const Value& arguments);
  void push_tensor(const PickleList& arguments);

  std::string_view bytes_;
  size_t position_ = 0;
  Pickle& result_;
  std::vector<Value> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, Value> memo_;
};

Pickle::Pickle(std::string_view bytes) {
  PickleMachine machine(bytes, *this);
  root_ = machine.run();
  length_ = machine.position();
}

Value PickleMachine::run() {
  constexpr unsigned char kStop = '.';
  for (;;) {
    const auto code = number<unsigned char>();
    if (code == kStop) return pop();
    if (step_constant(code) || step_container(code) || step_memo(code) ||
        step_object(code)) {
      continue;
    }
    throw DataError(fmt::format(
        "pickle: opcode {} at byte {} is not one that torch.save writes",
        int{code}, position_ - 1
    ));
  }
}

bool PickleMachine::step_constant(unsigned char code) {
  switch (code) {
    case 0x80:
      take(1);
      break;  // PROTO
    case 0x95:
      take(8);
      break;  // FRAME
    case 'N':
      push(std::monostate{});
      break;  // NONE
    case 0x88:
      push(true);
      break;  // NEWTRUE
    case 0x89:
      push(false);
      break;  // NEWFALSE
    case 'K':
      push(int64_t{number<uint8_t>()});
      break;  // BININT1
    case 'M':
      push(int64_t{number<uint16_t>()});
      break;  // BININT2
    case 'J':
      push(int64_t{number<int32_t>()});
      break;  // BININT
    case 0x8a:
      push(long_integer());
      break;  // LONG1
    case 'G':
      push(big_endian_double());
      break;   // BINFLOAT
    case 'X':  // BINUNICODE
    case 'T':  // BINSTRING
    case 'B':
      push(take(number<uint32_t>()));
      break;    // BINBYTES
    case 0x8c:  // SHORT_BINUNICODE
    case 'U':   // SHORT_BINSTRING
    case 'C':
      push(take(number<uint8_t>()));
      break;
    default:
      return false;
  }
  return true;
}

bool PickleMachine::step_container(unsigned char code) {
  switch (code) {
    case '(':
      marks_.push_back(stack_.size());
      break;  // MARK
    case '0':
      pop();
      break;  // POP
    case '1':
      pop_to_mark();
      break;   // POP_MARK
    case ')':  // EMPTY_TUPLE
    case ']':
      push_list({});
      break;  // EMPTY_LIST
    case 't':
      push_list(pop_to_mark());
      break;  // TUPLE
    case 0x85:
      push_list(pop_count(1));
      break;  // TUPLE1
    case 0x86:
      push_list(pop_count(2));
      break;  // TUPLE2
    case 0x87:
      push_list(pop_count(3));
      break;  // TUPLE3
    case '}':
      push_dict();
      break;  // EMPTY_DICT
    case 'a':
      append(pop_count(1));
      break;  // APPEND
    case 'e':
      append(pop_to_mark());
      break;  // APPENDS
    case 's':
      set_items(pop_count(2));
      break;  // SETITEM
    case 'u':
      set_items(pop_to_mark());
      break;  // SETITEMS
    default:
      return false;
  }
  return true;
}

bool PickleMachine::step_memo(unsigned char code) {
  const auto put = [&](uint64_t key) {
    const Value top = pop();
    memo_[key] = top;
    push(top);
  };
  const auto get = [&](uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) throw DataError("pickle: unknown memo");
    push(found->second);
  };
  switch (code) {
    case 'q':
      put(number<uint8_t>());
      break;  // BINPUT
    case 'r':
      put(number<uint32_t>());
      break;  // LONG_BINPUT
    case 0x94:
      put(memo_.size());
      break;  // MEMOIZE
    case 'h':
      get(number<uint8_t>());
      break;  // BINGET
    case 'j':
      get(number<uint32_t>());
      break;  // LONG_BINGET
    default:
      return false;
  }
  return true;
}

bool PickleMachine::step_object(unsigned char code) {
  switch (code) {
    case 'c': {  // GLOBAL
      const auto module = line();
      push(PickleGlobal{module, line()});
      break;
    }
    case 0x93: {  // STACK_GLOBAL
      const auto names = pop_count(2);
      push(PickleGlobal{
          as<Text>(names[0], "a module's name"), as<Text>(names[1], "a name")});
      break;
    }
    case 'R':     // REDUCE
    case 0x81: {  // NEWOBJ
      const auto both = pop_count(2);
      call(both[0], both[1]);
      break;
    }
    case 'b':
      set_state();
      break;  // BUILD
    case 'Q':
      break;  // BINPERSID: the tuple that describes a storage stays
    default:
      return false;
  }
  return true;
}

Text PickleMachine::line() {
  const auto end = bytes_.find('\n', position_);
  if (end == std::string_view::npos) {
    throw DataError("pickle: ends within a name");
  }
  const auto text = take(end - position_);
  take(1);
  return text;
}

int64_t PickleMachine::long_integer() {
  const auto bytes = take(number<uint8_t>());
  if (bytes.size() > sizeof(int64_t)) return 0;
  uint64_t value = !bytes.empty() && (bytes.back() & '\x80') != 0 ? ~0ULL : 0;
  for (size_t i = bytes.size(); i-- > 0;) {
    value = (value << 8U) | static_cast<unsigned char>(bytes[i]);
  }
  return static_cast<int64_t>(value);
}

double PickleMachine::big_endian_double() {
  uint64_t bits = 0;
  for (const char byte : take(sizeof(bits))) {
    bits = (bits << 8U) | static_cast<unsigned char>(byte);
  }
  double value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

Value PickleMachine::pop() {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= floor) throw DataError("pickle: its stack is empty");
  const Value value = stack_.back();
  stack_.pop_back();
  return value;
}

std::vector<Value> PickleMachine::pop_to_mark() {
  if (marks_.empty()) throw DataError("pickle: a mark is missing");
  const auto begin =
      stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  marks_.pop_back();
  std::vector<Value> values(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  return values;
}

std::vector<Value> PickleMachine::pop_count(size_t count) {
  std::vector<Value> values(count);
  for (size_t i = count; i-- > 0;) values[i] = pop();
  return values;
}

void PickleMachine::append(const std::vector<Value>& items) {
  const Value target = pop();
  if (auto* const* list = std::get_if<PickleList*>(&target)) {
    auto& all = (*list)->items;
    all.insert(all.end(), items.begin(), items.end());
  }
  push(target);
}

void PickleMachine::set_items(const std::vector<Value>& items) {
  const Value target = pop();
  if (items.size() % 2 != 0) throw DataError("pickle: a key has no value");
  if (auto* const* dict = std::get_if<PickleDict*>(&target)) {
    for (size_t i = 0; i < items.size(); i += 2) {
      (*dict)->items.emplace_back(items[i], items[i + 1]);
    }
  }
  push(target);
}

void PickleMachine::set_state() {
  const auto both = pop_count(2);
  if (auto* const* object = std::get_if<PickleObject*>(&both[0])) {
    (*object)->state = both[1];
  }
  push(both[0]);
}

void PickleMachine::call(const Value& callable, const Value& arguments) {
  const auto* global = std::get_if<PickleGlobal>(&callable);
  const auto is = [&](Text module, Text name) {
    return global != nullptr && global->module == module &&
           global->name == name;
  };
  const auto items = [&]() -> const std::vector<Value>& {
    return as<PickleList*>(arguments, "a tuple of arguments")->items;
  };
  if (is("collections", "OrderedDict")) {
    push_dict();
  } else if (is("torch._utils", "_rebuild_tensor_v2") || is("torch._utils", "_rebuild_tensor")) {
    push_tensor(*as<PickleList*>(arguments, "a tuple of arguments"));
  } else if (is("torch._utils", "_rebuild_parameter") || is("torch._utils", "_rebuild_parameter_with_state")) {
    if (items().empty()) throw DataError("pickle: a parameter without tensor");
    push(items()[0]);
  } else {
    result_.objects_.push_back(
        {global != nullptr ? *global : PickleGlobal{"", "an object"}, {}}
    );
    push(&result_.objects_.back());
  }
}

void PickleMachine::push_tensor(const PickleList& arguments) {
  if (arguments.items.size() < 4) {
    throw DataError("pickle: a tensor without shape");
  }
  const auto& storage = as<PickleList*>(arguments.items[0], "a storage")->items;
  if (storage.size() < 5) throw DataError("pickle: a damaged storage");
  const auto& type_name = as<PickleGlobal>(storage[1], "a storage type").name;
  const auto type = storage_type(type_name);
  if (!type) {
    throw DataError(
        fmt::format("pickle: storage type {} is not known", type_name)
    );
  }
  PickleTensor tensor;
  tensor.type = *type;
  tensor.storage = as<Text>(storage[2], "a storage's key");
  tensor.storage_count = whole_number(storage[4], "a storage's size");
  tensor.offset = whole_number(arguments.items[1], "an offset");
  tensor.sizes = whole_numbers(arguments.items[2]);
  tensor.strides = whole_numbers(arguments.items[3]);
  if (tensor.sizes.size() != tensor.strides.size()) {
    throw DataError("pickle: a tensor with an impossible shape");
  }
  // In a legacy file, a storage can be a part of another storage.
  if (storage.size() > 5 && std::holds_alternative<PickleList*>(storage[5])) {
    const auto& part = std::get<PickleList*>(storage[5])->items;
    if (part.size() < 2) throw DataError("pickle: a damaged storage");
    const auto begin = whole_number(part[1], "a part's offset");
    if (begin > std::numeric_limits<int64_t>::max() - tensor.offset) {
      throw DataError("pickle: a tensor extends beyond its storage");
    }
    tensor.offset += begin;
  }
  result_.tensors_.push_back(std::move(tensor));
  push(&result_.tensors_.back());
}

}  // namespace deeplab::weights
