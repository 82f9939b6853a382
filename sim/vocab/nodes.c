/* SPDX-License-Identifier: MIT */
#include "vocab/nodes.h"

#include <stddef.h>

static const struct {
    const char *name;
    enum wrg_node_dir dir;
} nodes[WRG_COUNT_NODE] = {
#define NODE(symbol, text, where) [WRG_NODE_##symbol] = { text, WRG_NODE_DIR_##where },
    WRG_NODES(NODE)
#undef NODE
};

static int known(enum wrg_node node)
{
    return (unsigned)node < WRG_COUNT_NODE && node != WRG_NODE_OTHER;
}

const char *wrg_node_name(enum wrg_node node)
{
    return known(node) ? nodes[node].name : NULL;
}

enum wrg_node_dir wrg_node_dir(enum wrg_node node)
{
    return known(node) ? nodes[node].dir : WRG_NODE_DIR_BOTH;
}
