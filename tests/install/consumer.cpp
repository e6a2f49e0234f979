// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "deeplab/model/deeplab.h"

int main() {
  deeplab::model::DeepLab network(deeplab::model::DeepLabConfig(), 21);
  network->eval();
  std::cout << network(torch::zeros({1, 3, 33, 33})).sizes() << '\n';
}
